"""Parameters of a query, a form or a cookie, which may come several times."""

from __future__ import annotations

from typing import Any, Final

from triosanic.cookies import Cookie

_HOST: Final = Cookie.HOST_PREFIX
_SECURE: Final = Cookie.SECURE_PREFIX


class RequestParameters(dict[str, list[Any]]):
    """Parameters that may come several times: ``get`` gives the first value, ``getlist`` all.

    Source: Sanic 25.12 ``RequestParameters``.
    """

    def get(self, name: str, default: Any = None) -> Any:
        """Return the first value of ``name``, or ``default``."""
        values = super().get(name)
        return values[0] if values else default

    def getlist(self, name: str, default: Any = None) -> Any:
        """Return all values of ``name``, or ``default``, or an empty list."""
        return super().get(name, [] if default is None else default)


class CookieRequestParameters(RequestParameters):
    """The cookies of a request. A name finds a cookie with a prefix before one without.

    ``cookies["session"]`` gives every value, ``get`` the first, and so does ``cookies.session``, which is
    ``""`` if there is none; in an attribute an underscore may stand for a hyphen.

    Source: Sanic 25.12 ``CookieRequestParameters``; RFC 6265bis: only the host itself sets ``__Host-``.
    """

    def __getitem__(self, name: str) -> list[str]:
        return super().__getitem__(self._full_name(name))

    def get(self, name: str, default: Any = None) -> Any:
        """Return the first value of ``name``, or ``default``."""
        find = super(RequestParameters, self).get
        values = find(_HOST + name) or find(_SECURE + name) or find(name)
        return values[0] if values else default

    def getlist(self, name: str, default: Any = None) -> Any:
        """Return all values of ``name``, or ``default``, or an empty list."""
        return super().getlist(self._full_name(name), default)

    def __getattr__(self, name: str) -> str:
        # Python asks for special names, which a cookie must not answer, to copy or to pickle.
        if name.startswith("__"):
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
        value: str = self.get(name) or self.get(name.rstrip("_").replace("_", "-"), "")
        return value

    def _full_name(self, name: str) -> str:
        return next((full for full in (_HOST + name, _SECURE + name) if full in self), name)
