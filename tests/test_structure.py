"""The package's own shape: which module may import which, and how large a module or function may grow.

The rules are functions of sources, so that each is also fed sources that break it.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent
PACKAGE: Final = "triosanic"

MAX_MODULE_LINES: Final = 600
MAX_FUNCTION_LINES: Final = 50

ROUTING: Final = frozenset(
    {"bodyrules", "errorpages", "groups", "handlers", "listeners", "middleware", "overview", "recorder"}
    | {"router", "signals", "urls", "verbs", "views"},
)

# Bottom first. A part is a module or a folder of the package, with all that lies in it. Parts of one set are
# one side of their floor and may import each other, though never in a circle; sides of one floor never do.
FLOORS: Final[tuple[tuple[frozenset[str], ...], ...]] = (
    # Sanic has the table of status codes in helpers, and exceptions word their messages with it.
    (frozenset({"constants"}), frozenset({"exceptions", "helpers"}), frozenset({"log", "logging"})),
    (
        frozenset({"compression"}),
        frozenset({"headers"}),
        frozenset({"config", "utils"}),
        frozenset({"cookies"}),
    ),
    (frozenset({"http"}), frozenset({"forms"})),
    (frozenset({"compat", "request", "response", "scope"}),),
    (ROUTING | {"static", "websocket"}, frozenset({"server"})),
    (
        frozenset({"announcing", "dispatch", "sending", "signalling"}),
        *(frozenset({part}) for part in ("blueprints", "lifespan", "options", "tasks", "testing")),
    ),
    (frozenset({"app", "running", "serving", "state"}), frozenset({"asyncio"})),
    (frozenset({"__init__"}), frozenset({"models", "worker"}), frozenset({"blueprint_group"})),
)
PLACES: Final[Mapping[str, tuple[int, frozenset[str]]]] = {
    part: (number, side) for number, sides in enumerate(FLOORS) for side in sides for part in side
}

# Values and records know no event loop: they can be tested, and read, without one.
WITHOUT_TRIO: Final = ROUTING | {part for part, (number, _) in PLACES.items() if number <= 1}
# The parts that may import a foreign package; one that is not named here may be imported anywhere.
BORDERS: Final[Mapping[str, frozenset[str]]] = {
    "h11": frozenset({"http"}),
    "trio": frozenset(PLACES) - WITHOUT_TRIO,
    "wsproto": frozenset({"websocket", "testing"}),
    "asyncio": frozenset({"asyncio"}),
    "trio_asyncio": frozenset({"asyncio"}),
}
# An extra: the package must work where what it imports is not installed, so nothing inside imports it.
EXTRAS: Final[Mapping[str, frozenset[str]]] = {
    "asyncio": frozenset({"trio_asyncio"}),
    "testing": frozenset({"httpx", "httpcore"}),
}


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name: ``target`` is dotted, and a module of ours where one has that name."""

    line: int
    target: str
    relative: bool
    star: bool

    @property
    def top(self) -> str:
        return self.target.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Module:
    """One parsed module of the package."""

    name: str
    source: str
    tree: ast.Module
    imports: tuple[Import, ...]

    @property
    def part(self) -> str:
        return part_of(self.name)


Modules = Mapping[str, Module]
Rule = Callable[[Modules], Iterator[str]]
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


def part_of(name: str) -> str:
    """Take the second piece of a dotted name; the package itself is its ``__init__``."""
    return name.split(".")[1] if "." in name else "__init__"


def parse(sources: Mapping[str, str]) -> Modules:
    """Parse sources by dotted module name."""
    return {name: parse_module(name, source, sources) for name, source in sources.items()}


def parse_module(name: str, source: str, known: Mapping[str, str]) -> Module:
    tree = ast.parse(source)
    return Module(name, source, tree, tuple(dict.fromkeys(imports_in(tree, known))))


def imports_in(tree: ast.AST, known: Mapping[str, str]) -> Iterator[Import]:
    """Find every import, wherever it stands: one under ``if TYPE_CHECKING`` ties modules as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name, relative=False, star=False)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                module = node.module or ""
                submodule = f"{module}.{alias.name}"
                is_module = submodule in known or (module == PACKAGE and alias.name in PLACES)
                target = submodule if is_module else module
                yield Import(node.lineno, target, relative=node.level > 0, star=alias.name == "*")


@cache  # each rule reads it, and none changes it
def read_package() -> Modules:
    sources: dict[str, str] = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        pieces = path.relative_to(ROOT).with_suffix("").parts
        dotted = ".".join(pieces[:-1] if pieces[-1] == "__init__" else pieces)
        sources[dotted] = path.read_text(encoding="utf-8")
    return parse(sources)


def inner_imports(modules: Modules) -> Iterator[tuple[Module, Import]]:
    for module in modules.values():
        for found in module.imports:
            if found.top == PACKAGE and not found.relative:
                yield module, found


def every_module_has_a_floor(modules: Modules) -> Iterator[str]:
    for module in modules.values():
        if module.part not in PLACES:
            yield f"{module.name}: {module.part!r} is on no floor; add it to FLOORS where it belongs"


def floors_only_go_down(modules: Modules) -> Iterator[str]:
    for module, found in inner_imports(modules):
        other = part_of(found.target)
        if other == module.part or module.part not in PLACES:
            continue
        if other not in PLACES:
            yield f"{module.name}:{found.line}: imports {found.target}, which is on no floor"
            continue
        floor, side = PLACES[module.part]
        above, _ = PLACES[other]
        if above >= floor and other not in side:
            yield f"{module.name}:{found.line}: floor {floor} imports {found.target} from floor {above}"


def extras_stay_optional(modules: Modules) -> Iterator[str]:
    for module, found in inner_imports(modules):
        other = part_of(found.target)
        if other in EXTRAS and other != module.part:
            yield f"{module.name}:{found.line}: the package imports {found.target}, which needs an extra"


def no_import_cycle(modules: Modules) -> Iterator[str]:
    graph = {
        module.name: {found.target for found in module.imports if found.target in modules}
        for module in modules.values()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield f"import cycle: {' -> '.join(reversed(error.args[1]))}"


def foreign_stays_at_its_border(modules: Modules) -> Iterator[str]:
    for module in modules.values():
        for found in module.imports:
            allowed = BORDERS.get(found.top)
            if allowed is not None and not found.relative and module.part not in allowed:
                yield f"{module.name}:{found.line}: {found.top} may be imported only in {sorted(allowed)}"


def foreign_is_declared(modules: Modules) -> Iterator[str]:
    declared = declared_packages() | sys.stdlib_module_names | {PACKAGE}
    for module in modules.values():
        for found in module.imports:
            allowed = declared | EXTRAS.get(module.part, frozenset())
            if found.top not in allowed and not found.relative:
                yield f"{module.name}:{found.line}: {found.top} is no dependency in pyproject.toml"


def declared_packages() -> frozenset[str]:
    """Read the names of the dependencies that are always installed, as they are imported."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = (re.match(r"[\w.-]+", requirement) for requirement in project["dependencies"])
    return frozenset(name[0].lower().replace("-", "_") for name in names if name)


def imports_are_absolute(modules: Modules) -> Iterator[str]:
    for module in modules.values():
        for found in module.imports:
            if found.relative:
                yield f"{module.name}:{found.line}: relative import"
            if found.star:
                yield f"{module.name}:{found.line}: star import"


def names_come_from_their_module(modules: Modules) -> Iterator[str]:
    """``from triosanic import x`` runs the package's ``__init__`` first, which imports everything."""
    for module in modules.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom) and node.module == PACKAGE and not node.level:
                yield f"{module.name}:{node.lineno}: import a name from its module, not from the package"


def functions_in(module: Module) -> Iterator[FunctionNode]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def no_import_in_a_function(modules: Modules) -> Iterator[str]:
    for module in modules.values():
        for function in functions_in(module):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield f"{module.name}:{node.lineno}: import inside {function.name}()"


def modules_stay_short(modules: Modules) -> Iterator[str]:
    for module in modules.values():
        count = len(module.source.splitlines())
        if count > MAX_MODULE_LINES:
            yield f"{module.name}: {count} lines, more than {MAX_MODULE_LINES}"


def functions_stay_short(modules: Modules) -> Iterator[str]:
    for module in modules.values():
        lines = module.source.splitlines()
        for function in functions_in(module):
            count = code_lines(function, lines)
            if count > MAX_FUNCTION_LINES:
                yield (
                    f"{module.name}:{function.lineno}: {function.name}() has {count} lines of code, "
                    f"more than {MAX_FUNCTION_LINES}"
                )


def code_lines(function: FunctionNode, lines: list[str]) -> int:
    """Count a function's lines from its ``def`` on, without docstring, blank lines and comments."""
    rows = set(range(function.lineno, (function.end_lineno or function.lineno) + 1))
    if ast.get_docstring(function, clean=False) is not None:
        docstring = function.body[0]
        rows -= set(range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1))
    texts = (lines[row - 1].strip() for row in rows)
    return sum(1 for text in texts if text and not text.startswith("#"))


RULES: Final[tuple[Rule, ...]] = (
    every_module_has_a_floor,
    floors_only_go_down,
    extras_stay_optional,
    no_import_cycle,
    foreign_stays_at_its_border,
    foreign_is_declared,
    imports_are_absolute,
    names_come_from_their_module,
    no_import_in_a_function,
    modules_stay_short,
    functions_stay_short,
)


def function_of(statements: int, docstring_lines: int = 0) -> str:
    docstring = ['    """First.', *["    more"] * (docstring_lines - 2), '    """'] if docstring_lines else []
    return "\n".join(["def long():", *docstring, *["    x = 1"] * statements]) + "\n"


def parse_parts(sources: Mapping[str, str]) -> Modules:
    return parse({f"{PACKAGE}.{name}".removesuffix(".__init__"): source for name, source in sources.items()})


# A rule, sources by module name within the package, and a piece of what the rule must say.
BAD: Final[tuple[tuple[Rule, dict[str, str], str], ...]] = (
    (every_module_has_a_floor, {"wat": ""}, "'wat' is on no floor"),
    (floors_only_go_down, {"headers": "from triosanic.app import Sanic"}, "floor 1 imports"),
    (floors_only_go_down, {"headers": "from triosanic import app"}, "floor 1 imports triosanic.app"),
    (floors_only_go_down, {"app": "from triosanic import Sanic"}, "imports triosanic from floor 7"),
    (floors_only_go_down, {"app": "import triosanic.wat"}, "triosanic.wat, which is on no floor"),
    (floors_only_go_down, {"log": "from triosanic.helpers import x"}, "from floor 0"),
    (floors_only_go_down, {"server.loop": "import triosanic.router"}, "imports triosanic.router"),
    (floors_only_go_down, {"views": "import triosanic.server.loop"}, "imports triosanic.server"),
    (floors_only_go_down, {"http": "if T:\n  from triosanic.request import R"}, "from floor 3"),
    (extras_stay_optional, {"__init__": "from triosanic.asyncio import aio_handler"}, "which needs an extra"),
    (
        no_import_cycle,
        {"http.a": "import triosanic.http.b", "http.b": "from triosanic.http import a"},
        "import cycle: triosanic.http.",
    ),
    (
        no_import_cycle,
        {"http": "from triosanic.http.a import x", "http.a": "import triosanic.http"},
        "import cycle: triosanic.http",
    ),
    (foreign_stays_at_its_border, {"server.loop": "import h11"}, "h11 may be imported only"),
    (foreign_stays_at_its_border, {"log": "from trio.lowlevel import x"}, "trio may be imported only"),
    (foreign_stays_at_its_border, {"middleware": "import trio as t"}, "trio may be imported only"),
    (foreign_stays_at_its_border, {"app": "import asyncio.events"}, "asyncio may be imported only"),
    (foreign_stays_at_its_border, {"app": "import trio_asyncio"}, "trio_asyncio may be imported only"),
    (foreign_is_declared, {"http.tls": "import OpenSSL"}, "OpenSSL is no dependency"),
    (foreign_is_declared, {"app": "import trio_asyncio"}, "trio_asyncio is no dependency"),
    (imports_are_absolute, {"http.reader": "from .guard import x"}, "relative import"),
    (imports_are_absolute, {"http.reader": "from triosanic.http.guard import *"}, "star import"),
    (names_come_from_their_module, {"app": "from triosanic import tasks"}, "not from the package"),
    (no_import_in_a_function, {"app": "class A:\n  def f(self):\n    import x"}, "import inside f()"),
    (no_import_in_a_function, {"app": "async def f():\n  from x import y"}, "import inside f()"),
    (modules_stay_short, {"app": "x = 1\n" * 601}, "601 lines, more than 600"),
    (functions_stay_short, {"app": function_of(50)}, "long() has 51 lines of code"),
)

GOOD: Final[tuple[dict[str, str], ...]] = (
    {"app": "from triosanic.blueprints import Blueprint\nimport trio, json"},
    {"router": "import triosanic.views", "views": "from triosanic.recorder import y"},
    {"http.reader": "import h11\nfrom triosanic.http import guard", "http.guard": ""},
    {"asyncio": "import asyncio, trio_asyncio\nfrom triosanic.request import Request"},
    {"app": "x = 1\n" * 600},
    {"app": function_of(49, docstring_lines=30) + "\n\n    # said why\n\n"},
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_package_obeys(rule: Rule) -> None:
    assert list(rule(read_package())) == []


def test_the_whole_package_is_looked_at() -> None:
    """A wrong folder would obey every rule."""
    names = set(read_package())
    assert {"triosanic", "triosanic.constants", "triosanic.http"} <= names


@pytest.mark.parametrize(
    ("rule", "sources", "complaint"), BAD, ids=[f"{rule.__name__}-{n}" for n, (rule, _, _) in enumerate(BAD)]
)
def test_rule_finds_what_is_bad(rule: Rule, sources: dict[str, str], complaint: str) -> None:
    complaints = list(rule(parse_parts(sources)))
    assert len(complaints) == 1
    assert complaint in complaints[0]


def test_every_rule_has_been_seen_to_complain() -> None:
    assert {rule for rule, _, _ in BAD} == set(RULES)


@pytest.mark.parametrize("sources", GOOD, ids=[f"good-{n}" for n in range(len(GOOD))])
def test_rules_leave_alone_what_is_good(sources: dict[str, str]) -> None:
    assert [complaint for rule in RULES for complaint in rule(parse_parts(sources))] == []


def test_each_part_has_one_place() -> None:
    listed = [part for sides in FLOORS for side in sides for part in side]
    assert sorted(listed) == sorted(set(listed))
