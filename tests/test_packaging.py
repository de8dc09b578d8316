"""The wheel: it holds every file of every package, and what it declares is all that its imports need.

Everything is discovered from the tree, so a package that is added or moved is held to the same.
"""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

# One process builds the wheel and runs all that needs it.
pytestmark = pytest.mark.xdist_group("wheel")

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))
FILES = sorted(
    path.relative_to(ROOT)
    for package in PACKAGES
    for path in (ROOT / package).rglob("*")
    if path.is_file() and path.suffix != ".pyc" and "__pycache__" not in path.parts
)
MODULES = [path.with_suffix("") for path in FILES if path.suffix == ".py"]

IMPORT_ALL = """
import importlib, json, sys

target, *modules = json.load(sys.stdin)
sys.path.insert(0, target)
for name in modules:
    importlib.import_module(name)
print(json.dumps({name: getattr(sys.modules[name], "__file__", None) for name in modules}))
"""


def dotted(module):
    return ".".join(module.parts[:-1] if module.name == "__init__" else module.parts)


def run(*command, cwd, **more):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=60, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(*arguments, cwd):
    quiet = ("--quiet", "--disable-pip-version-check", "--no-index", "--no-deps")
    return run(sys.executable, "-m", "pip", *arguments[:1], *quiet, *arguments[1:], cwd=cwd)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT), cwd=folder)
    [built] = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Where the wheel alone is installed: no dependency, nothing of the repository."""
    target = tmp_path_factory.mktemp("installed")
    pip("install", "--target", str(target), str(wheel), cwd=target)
    return target


def held(wheel):
    """The files of a wheel but for its metadata."""
    with ZipFile(wheel) as archive:
        names = {Path(name) for name in archive.namelist() if not name.endswith("/")}
    return {name for name in names if not name.parts[0].endswith(".dist-info")}


def test_every_list_of_packages_names_those_that_there_are():
    tools = PROJECT["tool"]
    lists = (
        tools["hatch"]["build"]["targets"]["wheel"]["packages"],
        tools["mypy"]["packages"],
        tools["coverage"]["run"]["source"],
    )
    assert PACKAGES
    assert [sorted(names) for names in lists] == [PACKAGES] * len(lists)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_that_it_is_typed(package):
    assert Path(package, "py.typed") in FILES


def test_the_wheel_holds_every_file_of_every_package_and_nothing_else(wheel):
    assert MODULES
    assert held(wheel) == set(FILES)


def test_every_module_of_an_installed_wheel_can_be_imported_away_from_the_repository(installed, tmp_path):
    names = [dotted(module) for module in MODULES]
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("PUSHMILL_", "PYTHON"))
    }
    asked = json.dumps([str(installed), *names])
    found = json.loads(run(sys.executable, "-c", IMPORT_ALL, cwd=tmp_path, env=clean, input=asked))
    assert found.keys() == set(names)
    assert not {
        name: file for name, file in found.items() if not file or not Path(file).is_relative_to(installed)
    }


def test_the_installed_command_runs_away_from_the_repository(installed, tmp_path):
    [(command, _)] = PROJECT["project"]["scripts"].items()
    told = run(installed / "bin" / command, "--help", cwd=tmp_path, env={"PYTHONPATH": str(installed)})
    assert command in told


# ── what is imported is declared ────────────────────────────────────────────────────────────────────────────


def canonical(distribution):
    """As package indexes compare names."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def brought_in(*requirements):
    """The distributions that these requirements install, and those that they require in turn."""
    found = set()
    left = [(Requirement(text), "") for text in requirements]
    while left:
        requirement, extra = left.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        wanted = {(canonical(requirement.name), each) for each in ("", *requirement.extras)} - found
        found |= wanted
        left += [(Requirement(text), each) for name, each in wanted for text in requires(name) or ()]
    return {name for name, _ in found}


def imported(module):
    """The top-level names that a module imports, but those that only type checkers read."""
    left = [ast.parse((ROOT / module).with_suffix(".py").read_text())]
    while left:
        node = left.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module).partition(".")[0]
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            left += node.orelse
        else:
            left += ast.iter_child_nodes(node)


def test_all_that_is_imported_comes_with_the_wheel_and_its_extras():
    project = PROJECT["project"]
    there = brought_in(
        *project["dependencies"],
        *(each for extra in ("aws", "campaigns", "demo") for each in project["optional-dependencies"][extra]),
    )
    names = {name for module in MODULES for name in imported(module)}
    foreign = names - sys.stdlib_module_names - {*PACKAGES}
    owners = packages_distributions()
    assert {"aiohttp", "trustme"} <= foreign
    assert not {name for name in foreign if not there & {canonical(owner) for owner in owners.get(name, ())}}


def test_what_requirements_bring_in_is_followed_to_its_end():
    assert {"pytest-xdist", "pytest", "pluggy"} <= brought_in("pytest-xdist")
    assert "aiokafka" not in brought_in("pytest-xdist")
    assert "cramjam" in brought_in("aiokafka[lz4]")
    assert "cramjam" not in brought_in("aiokafka")
    assert brought_in("pytest; python_version < '3'") == set()
