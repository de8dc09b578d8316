"""The rules for imports, checked on the syntax trees: a core without I/O, one direction, no cycles."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent

# Whatever brings the outside in: the network, the clock, chance, the environment, other processes, logs.
IO = {
    *(
        "asyncio",
        "aiohttp",
        "aiokafka",
        "uvloop",
        "httptools",
        "socket",
        "ssl",
        "select",
        "selectors",
        "http.client",
    ),
    *("time", "random", "secrets", "uuid", "os", "sys", "pathlib", "tempfile", "subprocess", "signal"),
    *("threading", "multiprocessing", "concurrent", "logging", "structlog"),
}
CLOCK_AND_ENVIRONMENT = {"now", "utcnow", "today", "environ", "getenv", "urandom"}

# Modules that are no core, and why.
NOT_CORE = {
    "worker.config": "reads the environment and secret files",
    "worker.logs": "writes to standard output",
    "worker.metrics": "fills the process's registry, and asks the platform what it is",
    "worker.pipeline.instrumentation": "tells the metrics; has no I/O either",
    "worker.pipeline.settlement": "counts in the metrics what it settles; has no I/O either",
    "worker.pipeline.routing": "settles; has no I/O either",
    "worker.pipeline.pipeline": "brings the core together; has no I/O either, but knows metrics",
    "worker.cli": "the command line",
}
ON_THE_PATH = (
    "worker.pipeline.instrumentation",
    "worker.pipeline.settlement",
    "worker.pipeline.routing",
    "worker.pipeline.pipeline",
)
NO_IO_EITHER = set(ON_THE_PATH)
ALLOWED_IN_THE_CORE = {
    (
        "crypto.keys",
        "os",
    ): "new keys are made of the system's randomness alone; the worker has them handed in",
}

# From the bottom up: a module imports its own layer and those below it.
LAYERS = (
    ("crypto",),
    ("core",),
    ("worker.config", "worker.logs", "worker.metrics"),
    ON_THE_PATH,
    ("worker.edges",),
    ("worker.app",),
    ("worker.cli", "worker.commands", "worker.checks", "worker.demo", "worker.simulator"),
)
OF_THE_DEMO_ALONE = {"noida_db", "trustme"}


class Import(NamedTuple):
    """One name that a module imports; `at_start` if that happens as the module itself is imported."""

    name: str
    at_start: bool


def imports(tree: ast.AST, module: str = "", *, at_start: bool = True) -> Iterator[Import]:
    """All imports of a tree but those for type checkers alone; `from a import b` is both `a` and `a.b`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, at_start) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*package, *filter(None, [node.module])])
            yield Import(base, at_start)
            yield from (Import(f"{base}.{alias.name}", at_start) for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from imports(ast.Module(node.orelse, []), module, at_start=at_start)
        else:
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from imports(node, module, at_start=at_start and not inside)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {
    module_name(path): ast.parse(path.read_text())
    for package in ("crypto", "worker")
    for path in sorted((ROOT / package).rglob("*.py"))
}
IMPORTS = {module: set(imports(tree, module)) for module, tree in TREES.items()}
OURS = {
    module: {found for found in IMPORTS[module] if found.name in TREES and found.name != module}
    for module in TREES
}


def layer(module: str) -> int:
    place = next(
        (
            number
            for number, names in enumerate(LAYERS)
            if any(module == name or module.startswith(name + ".") for name in names)
        ),
        None,
    )
    return LAYERS.index(("core",)) if place is None else place


CORE = [module for module in TREES if layer(module) <= LAYERS.index(("core",)) or module in NO_IO_EITHER]


def test_the_tables_here_are_about_what_exists():
    assert NOT_CORE.keys() <= TREES.keys()
    assert {module for module in TREES if layer(module) > 1} >= NOT_CORE.keys()
    for module, name in ALLOWED_IN_THE_CORE:
        assert name in {found.name for found in IMPORTS[module]}
    for expected in (
        "crypto.vapid",
        "worker.records.job",
        "worker.ledger.ledger",
        "worker.pipeline.pipeline",
    ):
        assert expected in CORE


@pytest.mark.parametrize("module", CORE)
def test_the_core_knows_no_io(module):
    names = {found.name for found in IMPORTS[module]}
    outside = {io for io in IO for name in names if name == io or name.startswith(io + ".")}
    assert not {name for name in outside if (module, name) not in ALLOWED_IN_THE_CORE}


@pytest.mark.parametrize("module", [module for module in CORE if module.startswith("worker")])
def test_the_core_asks_neither_clock_nor_environment(module):
    asked = {
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Attribute)
        and node.attr in CLOCK_AND_ENVIRONMENT
        and ast.unparse(node.value) in {"datetime", "datetime.datetime", "date", "os"}
    }
    assert not asked


@pytest.mark.parametrize("module", CORE)
def test_the_core_waits_for_nothing(module):
    waiting = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    assert not [node.lineno for node in ast.walk(TREES[module]) if isinstance(node, waiting)]


@pytest.mark.parametrize("module", TREES)
def test_imports_point_one_way(module):
    assert not {found.name for found in OURS[module] if layer(found.name) > layer(module)}


@pytest.mark.parametrize(
    "module", [module for module in TREES if not module.startswith(("worker.demo", "worker.simulator"))]
)
def test_what_the_demo_needs_is_imported_by_the_demo_alone(module):
    assert not {found.name for found in IMPORTS[module] if found.name.split(".")[0] in OF_THE_DEMO_ALONE}


def test_there_are_no_import_cycles():
    sorter = TopologicalSorter(
        {module: {found.name for found in OURS[module] if found.at_start} for module in TREES}
    )
    try:
        sorter.prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


# ── the check itself ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time", {("time", True)}),
        ("import worker.cli as c", {("worker.cli", True)}),
        ("from worker import cli", {("worker", True), ("worker.cli", True)}),
        ("from . import cli", {("worker", True), ("worker.cli", True)}),
        ("from .edges.http import X", {("worker.edges.http", True), ("worker.edges.http.X", True)}),
        ("def f():\n    import time", {("time", False)}),
        ("class A:\n    import time", {("time", True)}),
        ("try:\n    import time\nexcept ImportError:\n    import random", {("time", True), ("random", True)}),
        ("if TYPE_CHECKING:\n    import time\nelse:\n    import random", {("random", True)}),
        ("if typing.TYPE_CHECKING:\n    import time", set()),
    ],
)
def test_every_kind_of_import_is_seen(source, found):
    assert set(imports(ast.parse(source), "worker.app")) == found


@pytest.mark.parametrize(
    ("module", "number"),
    [
        *(
            ("crypto.vapid", 0),
            ("worker", 1),
            ("worker.records.job", 1),
            ("worker.metrics", 2),
            ("worker.pipeline.pipeline", 3),
        ),
        *(
            ("worker.edges.http.transports", 4),
            ("worker.app.worker", 5),
            ("worker.demo.report", 6),
            ("worker.commands.keys", 6),
        ),
    ],
)
def test_every_module_has_its_layer(module, number):
    assert layer(module) == number
