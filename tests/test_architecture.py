"""The rules for imports, checked on the syntax trees: rooms, a core without I/O, no cycles.

A rule is a function of one module and the trees of all: it returns what breaks it. So each can be tried on a
made-up tree that breaks it, below.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest

ROOT = Path(__file__).parent.parent

# ── the tables ──────────────────────────────────────────────────────────────────────────────────────────────

PACKAGES = ("worker", "campaigns")
"""The packages that are divided into rooms. Importing any room imports its package, which imports nothing."""

WORKER_CORE = (
    *("crypto", "worker.records", "worker.push", "worker.timing", "worker.limits", "worker.ledger"),
    "worker.pipeline",
)
CORE_ROOMS = (*WORKER_CORE, "campaigns.model")
"""Everything that decides: no I/O, no clock, no randomness, no async; values come in as arguments."""

CORE_MODULES = (
    *("campaigns.launch.pace", "campaigns.launch.records", "campaigns.launch.stalls"),
    "campaigns.collect.outcomes",
)
"""Modules of other rooms that are held to the same."""

CONTRACT = ("crypto", "worker.records", "worker.push")
"""What any program may share that writes jobs and reads outcomes."""

PROGRAM = ("worker.broker_settings", "worker.config", "worker.edges", "worker.logs")
"""What any program of this project starts and logs in with: of these rooms, what is in `SHARED`."""

ROOMS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(PACKAGES, ()),
    "crypto": (),
    "worker.records": (),  # fit to be shared with programs that write jobs and read outcomes
    "worker.push": ("crypto", "worker.records"),
    "worker.timing": ("crypto", "worker.records", "worker.push"),
    "worker.limits": ("crypto", "worker.records", "worker.push", "worker.timing"),
    "worker.ledger": ("crypto", "worker.records", "worker.push", "worker.timing"),
    "worker.logs": (),
    "worker.bearer_token": (),
    "worker.certificates": (),
    "worker.broker_settings": ("worker.bearer_token", "worker.certificates"),
    "worker.config": ("crypto", "worker.records", "worker.push", "worker.broker_settings"),
    "worker.metrics": ("worker.records", "worker.push"),
    "worker.pipeline": (*WORKER_CORE[:-1], "worker.metrics"),
    "worker.edges": (
        *("crypto", "worker.records", "worker.push", "worker.config", "worker.logs"),
        *("worker.bearer_token", "worker.certificates", "worker.broker_settings"),
    ),
    "worker.app": (*WORKER_CORE, "worker.config", "worker.logs", "worker.metrics", "worker.edges"),
    "worker.simulator": ("crypto",),  # a product of its own
    "worker.checks": ("crypto", "worker.records", "worker.push"),
    # Not records: the demo reads the contract a second time, so that a mistake in records shows.
    "worker.demo": ("crypto", "worker.config", "worker.edges", "worker.simulator"),
    "worker.commands": (
        *WORKER_CORE,
        *("worker.config", "worker.logs", "worker.edges", "worker.app"),
        *("worker.checks", "worker.demo", "worker.simulator"),
    ),
    "worker.cli": ("worker.commands",),
    "campaigns.config": (*CONTRACT, *PROGRAM, "campaigns.model"),
    "campaigns.metrics": (),
    "campaigns.model": (*CONTRACT, "worker.checks"),
    "campaigns.store": ("worker.records", "campaigns.model"),
    "campaigns.embedded_postgres": (),
    "campaigns.operations": (*CONTRACT, "campaigns.model", "campaigns.store"),
    "campaigns.adapters": ("worker.records", "campaigns.model", "campaigns.operations", "campaigns.sdk"),
    "campaigns.sdk": (),
    "campaigns.api": (
        *(*CONTRACT, *PROGRAM),
        *("campaigns.model", "campaigns.store", "campaigns.operations", "campaigns.adapters"),
        *("campaigns.sdk", "campaigns.config", "campaigns.metrics", "campaigns.process"),
    ),
    "campaigns.launch": (*CONTRACT, *PROGRAM, "campaigns.model", "campaigns.store", "campaigns.metrics"),
    "campaigns.collect": (
        *(*CONTRACT, *PROGRAM),
        *("campaigns.model", "campaigns.store", "campaigns.metrics", "campaigns.process"),
    ),
    "campaigns.keys": ("crypto", *PROGRAM, "campaigns.model", "campaigns.store"),
    "campaigns.process": ("campaigns.metrics", "campaigns.store"),
    "campaigns.schedule": (
        *PROGRAM,
        *("campaigns.metrics", "campaigns.model", "campaigns.store", "campaigns.operations"),
    ),
    "campaigns.recovery": (
        *(*CONTRACT, *PROGRAM, "campaigns.model", "campaigns.store", "campaigns.process"),
    ),
    "campaigns.roles": (
        *(*PROGRAM, "campaigns.config", "campaigns.metrics", "campaigns.process", "campaigns.model"),
        *("campaigns.store", "campaigns.api", "campaigns.launch", "campaigns.schedule"),
        *("campaigns.collect", "campaigns.keys", "campaigns.operations", "campaigns.recovery"),
    ),
    "campaigns.account": (
        *("campaigns.model", "campaigns.store", "campaigns.operations", "campaigns.api", "campaigns.config"),
    ),
    "campaigns.demo": (
        *("crypto", *CONTRACT, *PROGRAM, "worker.demo"),
        *("campaigns.model", "campaigns.store", "campaigns.operations", "campaigns.adapters"),
        *("campaigns.sdk", "campaigns.api", "campaigns.config", "campaigns.metrics", "campaigns.process"),
        *("campaigns.embedded_postgres", "campaigns.account"),
    ),
    "campaigns.commands": (
        *(*CONTRACT, *PROGRAM, "worker.checks", "worker.commands"),
        *("campaigns.model", "campaigns.store", "campaigns.operations", "campaigns.adapters"),
        *("campaigns.sdk", "campaigns.api", "campaigns.launch", "campaigns.embedded_postgres"),
        *("campaigns.config", "campaigns.roles", "campaigns.demo", "campaigns.keys", "campaigns.account"),
        *("campaigns.recovery",),
    ),
}
"""Each room, and the others that it may import from. Two consequences hold the design together: edges and
pipeline know nothing of each other, and no room but app and commands knows the concrete classes of both."""

KNOW_METRICS = {
    "worker.pipeline.instrumentation": "counts what the path reports",
    "worker.pipeline.pipeline": "hands the metrics to the steps of the path",
    "worker.pipeline.settlement": "counts how each recipient ends, where that is written down",
}
"""The modules of the core that may import worker.metrics, and why."""

IO = {
    *("asyncio", "aiohttp", "aiokafka", "uvloop", "httptools", "socket", "ssl", "select", "selectors"),
    *("http.client", "time", "random", "secrets", "uuid", "os", "sys", "pathlib", "tempfile", "subprocess"),
    *("signal", "threading", "multiprocessing", "concurrent", "logging", "structlog", "asyncpg"),
}
"""Whatever lets the outside in: network, clock, randomness, environment, other processes, logs."""

CLOCK_AND_ENVIRONMENT = {"now", "utcnow", "today", "environ", "getenv", "urandom"}
ALLOWED_IN_THE_CORE = {
    ("crypto.keys", "os"): "new keys need the system's randomness; the worker passes them in",
}

SHARED = (
    *("worker.config", "worker.broker_settings", "worker.bearer_token", "worker.certificates"),
    *("worker.logs", "worker.edges.clock", "worker.edges.process"),
    *("worker.edges.kafka.client", "worker.edges.kafka.connections", "worker.edges.kafka.failures"),
    *("worker.edges.kafka.login", "worker.edges.kafka.tokens", "worker.edges.kafka.token_sources"),
    *("worker.edges.kafka.admin", "worker.edges.kafka.metadata", "worker.edges.kafka.topics"),
    *("worker.edges.kafka.producer", "worker.edges.kafka.reader", "worker.edges.kafka.transactions"),
    *("worker.edges.kafka.header_names", "worker.edges.kafka.fetch_backoff"),
)
"""What any program of this project can use, with what it imports: crypto, records, push, and one another."""

EXTRAS = {
    "asyncpg": "campaigns.store",
    "cronsim": "campaigns.model",
    "limits": "campaigns.api",
    "ua_parser": "campaigns.api",
    "noida_db": "worker.demo",
    "trustme": "worker.simulator",
    "aws_msk_iam_sasl_signer": "worker.edges",
}
"""Packages of the extras, and the one room that imports each."""

# ── reading imports ─────────────────────────────────────────────────────────────────────────────────────────

Trees: TypeAlias = Mapping[str, ast.AST]


class Import(NamedTuple):
    """One name that a module imports; `at_start` if that happens as the module itself is imported."""

    name: str
    at_start: bool


def imports(tree: ast.AST, module: str = "", *, at_start: bool = True) -> Iterator[Import]:
    """Yield all imports except those for type checkers; `from a import b` is both `a` and `a.b`."""
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


def trees_of(*folders: str) -> dict[str, ast.AST]:
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return {module_name(path): ast.parse(path.read_text()) for path in paths}


TREES = trees_of("crypto", *PACKAGES)


def below(name: str, *packages: str) -> bool:
    """Whether a module is one of these, or inside one."""
    return any(name == each or name.startswith(each + ".") for each in packages)


@cache
def _imports(tree: ast.AST, module: str) -> frozenset[Import]:
    return frozenset(imports(tree, module))


def imported(module: str, trees: Trees) -> set[str]:
    return {found.name for found in _imports(trees[module], module)}


def ours(module: str, trees: Trees) -> set[str]:
    """The modules of these trees that a module imports."""
    return {name for name in imported(module, trees) if name in trees and name != module}


def room(module: str) -> str:
    """The most specific entry of `ROOMS` that a module is in."""
    if module in PACKAGES:
        return module
    found = [name for name in ROOMS if name not in PACKAGES and below(module, name)]
    if not found:
        raise LookupError(f"{module} is in no room: where does it belong?")
    return max(found, key=len)


CORE = [module for module in TREES if room(module) in CORE_ROOMS or module in CORE_MODULES]

# ── the rules ───────────────────────────────────────────────────────────────────────────────────────────────


def from_a_forbidden_room(module: str, trees: Trees) -> set[str]:
    may = {*PACKAGES, room(module), *ROOMS[room(module)]}
    return {name for name in ours(module, trees) if room(name) not in may}


def metrics_in_the_core(module: str, trees: Trees) -> set[str]:
    if room(module) not in CORE_ROOMS or module in KNOW_METRICS:
        return set()
    return {name for name in imported(module, trees) if below(name, "worker.metrics")}


def io_in_the_core(module: str, trees: Trees) -> set[str]:
    outside = {io for io in IO for name in imported(module, trees) if below(name, io)}
    return {name for name in outside if (module, name) not in ALLOWED_IN_THE_CORE}


def clock_or_environment(module: str, trees: Trees) -> set[str]:
    return {
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(trees[module])
        if isinstance(node, ast.Attribute)
        and node.attr in CLOCK_AND_ENVIRONMENT
        and ast.unparse(node.value) in {"datetime", "datetime.datetime", "date", "datetime.date", "os"}
        and (module, ast.unparse(node.value)) not in ALLOWED_IN_THE_CORE
    }


def waiting(module: str, trees: Trees) -> set[str]:
    kinds = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    return {f"line {node.lineno}" for node in ast.walk(trees[module]) if isinstance(node, kinds)}


def not_to_be_shared(module: str, trees: Trees) -> set[str]:
    """What a module that serves any program imports, directly or not, beyond what any program may need."""
    common = (*SHARED, *CONTRACT)
    packages = {package for each in common for package in _packages(each)}
    return {name for name in _reached(module, trees) if not below(name, *common) and name not in packages}


def not_for_the_campaign_service(module: str, trees: Trees) -> set[str]:
    """What a module of the campaign service imports from the worker that is neither shared nor a contract."""
    surroundings = ("worker.demo",) if below(module, "campaigns.demo") else ()
    may = (*SHARED, *CONTRACT, "worker.checks", *surroundings)
    around = {package for each in may for package in _packages(each)} | {"worker.commands"}
    found = {name for name in ours(module, trees) if below(name, "worker") and name not in around}
    return {name for name in found if below(module, "campaigns") and not below(name, *may)}


def _packages(module: str) -> list[str]:
    """The packages around a module, which are imported before it is."""
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def _reached(module: str, trees: Trees) -> set[str]:
    """Everything that is imported where a module is, the packages around it included."""
    found, left = set(), [module]
    while left:
        name = left.pop()
        if name in trees and name not in found:
            found.add(name)
            left += [*_packages(name), *ours(name, trees)]
    return found


def extras_of_another_room(module: str, trees: Trees) -> set[str]:
    packages = {name.partition(".")[0] for name in imported(module, trees)}
    return {name for name in packages & EXTRAS.keys() if room(module) != EXTRAS[name]}


def other_tests(module: str, trees: Trees) -> set[str]:
    """What benchmarks and the harness that they share with the tests take from the tests themselves."""
    found = {name for name in imported(module, trees) if below(name, "tests") and name != "tests"}
    return {name for name in found if not below(name, "tests.harness")} - HARNESS_READS


HARNESS_READS = {
    *("tests.k8s", "tests.k8s.support"),
    *("tests.k8s.support.RULES", "tests.k8s.support.binary"),
}
"""Where the rules that a real Prometheus runs with are, and where Prometheus is."""


def cycles(trees: Trees) -> str:
    """The first cycle among what is imported as modules are; empty if there is none."""
    graph = {
        module: {found.name for found in _imports(tree, module) if found.at_start and found.name in trees}
        - {module}
        for module, tree in trees.items()
    }
    return _cycle(graph)


def _cycle(graph: Mapping[str, object]) -> str:
    try:
        TopologicalSorter(graph).prepare()  # type: ignore[arg-type]
    except CycleError as error:
        return " → ".join(error.args[1])
    return ""


# ── what they say of the code ───────────────────────────────────────────────────────────────────────────────


def test_the_tables_here_are_about_what_exists():
    assert KNOW_METRICS.keys() <= TREES.keys()
    assert all(metrics_in_the_core(module, {module: TREES[module]}) == set() for module in KNOW_METRICS)
    assert all("worker.metrics" in imported(module, TREES) for module in KNOW_METRICS)
    for module, name in ALLOWED_IN_THE_CORE:
        assert name in imported(module, TREES)
    for each in (*ROOMS, *SHARED, *EXTRAS.values(), *CORE_MODULES):
        assert each in TREES, each
    assert {name for may in ROOMS.values() for name in may} <= ROOMS.keys()
    assert {"crypto.vapid", "worker.records.job", "worker.ledger.ledger", "worker.pipeline.pipeline"} <= {
        *CORE
    }


def test_the_rooms_are_in_an_order():
    assert _cycle(ROOMS) == ""


@pytest.mark.parametrize("module", TREES)
def test_imports_point_one_way(module):
    assert from_a_forbidden_room(module, TREES) == set()


@pytest.mark.parametrize("module", CORE)
def test_the_core_knows_no_io(module):
    assert io_in_the_core(module, TREES) == set()


@pytest.mark.parametrize("module", CORE)
def test_the_core_asks_neither_clock_nor_environment(module):
    assert clock_or_environment(module, TREES) == set()


@pytest.mark.parametrize("module", CORE)
def test_the_core_waits_for_nothing(module):
    assert waiting(module, TREES) == set()


@pytest.mark.parametrize("module", CORE)
def test_the_core_knows_metrics_in_few_places(module):
    assert metrics_in_the_core(module, TREES) == set()


@pytest.mark.parametrize("module", [module for module in TREES if below(module, *SHARED)])
def test_what_serves_any_program_needs_nothing_of_the_worker(module):
    assert not_to_be_shared(module, TREES) == set()


@pytest.mark.parametrize("module", [module for module in TREES if below(module, "campaigns")])
def test_the_campaign_service_takes_of_the_worker_what_any_program_may(module):
    assert not_for_the_campaign_service(module, TREES) == set()


@pytest.mark.parametrize("module", TREES)
def test_what_an_extra_brings_is_imported_in_its_room_alone(module):
    assert extras_of_another_room(module, TREES) == set()


def test_there_are_no_import_cycles():
    assert cycles(TREES) == ""


AROUND = trees_of("benchmarks", "tests/harness")


@pytest.mark.parametrize(
    "module", [name for name in AROUND if not name.rpartition(".")[2].startswith("test_")]
)
def test_benchmarks_and_the_harness_take_nothing_from_other_tests(module):
    assert other_tests(module, AROUND) == set()


# ── the checks themselves ───────────────────────────────────────────────────────────────────────────────────

Rule: TypeAlias = Callable[[str, Trees], set[str]]

BROKEN: list[tuple[Rule, str, str]] = [
    (from_a_forbidden_room, "crypto.vapid", "import worker.records.job"),
    (from_a_forbidden_room, "worker", "import worker.push.services"),
    (from_a_forbidden_room, "worker.records.job", "import crypto.keys"),
    (from_a_forbidden_room, "worker.records.job", "def f():\n    from worker.push import services"),
    (from_a_forbidden_room, "worker.push.services", "from worker.timing.tiers import HORIZON"),
    (from_a_forbidden_room, "worker.timing.tiers", "import worker.limits.gates"),
    (from_a_forbidden_room, "worker.limits.gates", "import worker.ledger.ledger"),
    (from_a_forbidden_room, "worker.ledger.ledger", "import worker.limits.gates"),
    (from_a_forbidden_room, "worker.ledger.ledger", "from ..pipeline import pipeline"),
    (from_a_forbidden_room, "worker.pipeline.pipeline", "from worker.edges import clock"),
    (from_a_forbidden_room, "worker.pipeline.pipeline", "import worker.config"),
    (from_a_forbidden_room, "worker.edges.clock", "from worker.pipeline.pipeline import Pipeline"),
    (from_a_forbidden_room, "worker.edges.clock", "import worker.ledger.ledger"),
    (from_a_forbidden_room, "worker.edges.clock", "import worker.app.worker"),
    (from_a_forbidden_room, "worker.metrics", "import worker.logs"),
    (from_a_forbidden_room, "worker.app.worker", "import worker.commands"),
    (from_a_forbidden_room, "worker.checks.rules", "import worker.edges.clock"),
    (from_a_forbidden_room, "worker.simulator.serve", "import worker.demo.demo"),
    (from_a_forbidden_room, "worker.simulator.serve", "import worker.records.job"),
    (from_a_forbidden_room, "worker.demo.demo", "from worker.records.topics import OUTCOMES"),
    (from_a_forbidden_room, "worker.demo.demo", "import worker.pipeline.pipeline"),
    (from_a_forbidden_room, "worker.commands", "import worker.cli"),
    (from_a_forbidden_room, "worker.commands.pushmill", "import campaigns.commands"),
    (from_a_forbidden_room, "campaigns", "import campaigns.model"),
    (from_a_forbidden_room, "campaigns.model.site", "import campaigns.store.sites"),
    (from_a_forbidden_room, "campaigns.store.sites", "import campaigns.operations.sites"),
    (from_a_forbidden_room, "campaigns.adapters.own", "import campaigns.store.sites"),
    (from_a_forbidden_room, "campaigns.operations.sites", "from campaigns.api import server"),
    (from_a_forbidden_room, "campaigns.launch.launcher", "import campaigns.operations.sites"),
    (not_for_the_campaign_service, "campaigns.launch.launcher", "import worker.edges.kafka.consumer"),
    (not_for_the_campaign_service, "campaigns.commands.app", "from worker.commands import run"),
    (metrics_in_the_core, "worker.pipeline.queue", "from worker.metrics import Metrics"),
    (io_in_the_core, "worker.push.message", "from http.client import HTTPResponse"),
    (io_in_the_core, "campaigns.model.site", "from asyncpg import Record"),
    (io_in_the_core, "worker.pipeline.pipeline", "def f():\n    import random"),
    (clock_or_environment, "worker.timing.schedule", "from datetime import datetime\ndatetime.now()"),
    (clock_or_environment, "crypto.vapid", "import os\nos.urandom(16)"),
    (waiting, "worker.pipeline.pipeline", "async def f(): pass"),
    (waiting, "worker.limits.gates", "async def f():\n    async with x: pass"),
    (not_to_be_shared, "worker.logs", "import worker.pipeline.pipeline"),
    (not_to_be_shared, "worker.edges.kafka.client", "from worker.edges.kafka import consumer"),
    (extras_of_another_room, "worker.app.worker", "import trustme"),
    (extras_of_another_room, "worker.simulator.serve", "from noida_db import x"),
    (extras_of_another_room, "campaigns.operations.sites", "import asyncpg"),
    (other_tests, "benchmarks.stages", "from tests.worker.support import job"),
    (other_tests, "tests.harness.world", "import tests.integration.conftest"),
]


def made_up(sources: Mapping[str, str]) -> dict[str, ast.AST]:
    """Trees of these sources, and empty ones of all that they import."""
    trees = {module: ast.parse(source) for module, source in sources.items()}
    names = {name for module in trees for name in imported(module, trees)}
    return {name: ast.parse("") for name in names} | trees


@pytest.mark.parametrize(("rule", "module", "source"), BROKEN)
def test_each_rule_can_be_broken(rule, module, source):
    trees = made_up({module: source})
    assert rule(module, trees | {module: ast.parse("")}) == set()
    assert rule(module, trees)


@pytest.mark.parametrize("between", ["worker.push.proxy", "worker.push"])
def test_what_is_shared_is_followed_through_other_modules_and_their_packages(between):
    sources = {
        "worker.logs": "import worker.push.proxy",
        "worker.push": "",
        between: "import worker.ledger.x",
    }
    assert not_to_be_shared("worker.logs", made_up(sources)) == {"worker.ledger.x"}


def test_a_cycle_is_found_but_not_one_that_is_closed_later():
    one, other = "import worker.b", "import worker.a"
    later = f"def f():\n    {other}"
    assert cycles({"worker.a": ast.parse(one), "worker.b": ast.parse(other)})
    assert not cycles({"worker.a": ast.parse(one), "worker.b": ast.parse(later)})


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
    ("module", "found"),
    [
        ("crypto.vapid", "crypto"),
        ("worker", "worker"),
        ("campaigns", "campaigns"),
        ("campaigns.model.site", "campaigns.model"),
        ("worker.records.job", "worker.records"),
        ("worker.metrics", "worker.metrics"),
        ("worker.pipeline.pipeline", "worker.pipeline"),
        ("worker.edges.http.transports", "worker.edges"),
        ("worker.app.worker", "worker.app"),
        ("worker.demo.report", "worker.demo"),
        ("worker.commands.keys", "worker.commands"),
    ],
)
def test_every_module_has_its_room(module, found):
    assert room(module) == found


@pytest.mark.parametrize("module", ["worker.elsewhere", "worker.pushed", "cryptography"])
def test_a_module_without_a_room_is_noticed(module):
    with pytest.raises(LookupError):
        room(module)
