"""Loads apps for ``Sanic.serve(app_loader=...)``. Source: Sanic 25.12 ``worker.loader``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from triosanic.app import Sanic


class AppLoader:
    """Makes the app of a factory, or finds that of a module.

    Args:
        module_input: ``"module:app"`` or ``"module.app"``, with ``()`` behind it for a function that makes
            the app; ``"module"`` alone has an ``app``.
        as_factory: What ``module_input`` names is such a function.
        as_simple: Not supported: no server of a folder comes with this.
        args: What such a function is called with, if it takes an argument.
        factory: Makes the app; it goes before ``module_input``.

    Raises:
        ValueError: ``as_simple`` is given.
    """

    def __init__(
        self,
        module_input: str = "",
        as_factory: bool = False,
        as_simple: bool = False,
        args: Any = None,
        factory: Callable[[], Sanic] | None = None,
    ) -> None:
        if as_simple:
            raise ValueError("as_simple is not supported: make an app with app.static('/', folder)")
        self.module_input = module_input
        self.as_factory = as_factory or module_input.endswith("()")
        self.args = args
        self.factory = factory

    def load(self) -> Sanic:
        """Give the app; modules are looked for in the current folder, too.

        Raises:
            ImportError: There is no such module.
            ValueError: It has no such app.
        """
        if self.factory is not None:
            return self.factory()
        where = self.module_input.removesuffix("()")
        module_name, _, name = where.rpartition(":" if ":" in where else ".")
        if (folder := str(Path.cwd())) not in sys.path:
            sys.path.append(folder)
        module = import_module(module_name or where)
        app = getattr(module, name if module_name else "app", None)
        if self.as_factory and callable(app):
            app = app(self.args) if self.args is not None else app()
        if not isinstance(app, Sanic):
            raise ValueError(  # noqa: TRY004  # the text is wrong, as in Sanic
                f"{self.module_input!r} must name a Sanic app, not {app!r}"
            )
        return app
