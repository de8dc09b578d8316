import os
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from tests.harness import requirements
from tests.harness.requirements import REQUIREMENTS, check, forgo, require

ROOT = Path(__file__).parents[2]
NEEDS_PROMETHEUS = "tests/k8s/test_alerts.py::test_promtool_accepts_the_rules[worker]"
WORDS = "prometheus, kafka, postgresql, chromium, firefox, node, go, rust, webpush-rs, multibuffer"


@pytest.fixture
def path(tmp_path, monkeypatch):
    """An empty folder that is all of PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(requirements, "NOT_ON_PATH", ())
    return tmp_path


@pytest.fixture
def packages(monkeypatch):
    """The installed distributions: none, at first."""
    installed = set()

    def distribution(name):
        if name not in installed:
            raise PackageNotFoundError(name)

    monkeypatch.setattr(requirements, "distribution", distribution)
    return installed


def put(path, *names):
    """Programs that do nothing, with success."""
    for name in names:
        (path / name).write_text("#!/bin/sh\n")
        (path / name).chmod(0o755)


# ── the table ───────────────────────────────────────────────────────────────────────────────────────────


def test_the_known_words():
    assert ", ".join(REQUIREMENTS) == WORDS


@pytest.mark.parametrize("word", REQUIREMENTS)
def test_each_word_looks_for_something_and_finds_it(word, path, packages):
    need = REQUIREMENTS[word]
    wanted = len(need.programs) + len(need.distributions)
    assert len(need.missing()) == wanted > 0
    put(path, *need.programs)
    packages.update(need.distributions)
    assert need.missing() == []


def test_one_of_two_programs_is_not_enough(path):
    put(path, "prometheus")
    with pytest.raises(pytest.skip.Exception, match="needs prometheus: promtool is not on PATH"):
        require("prometheus")


def test_a_program_may_be_where_debian_keeps_it(path, monkeypatch):
    monkeypatch.setattr(requirements, "NOT_ON_PATH", (str(path / "bin"),))
    (path / "bin").mkdir()
    put(path / "bin", "initdb", "postgres")
    assert REQUIREMENTS["postgresql"].missing() == []


# ── a test that needs something ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("word", "install"), [("node", "nodejs"), ("multibuffer", "ipp-crypto")])
def test_where_its_need_is_missing_it_is_skipped_with_the_way_to_get_it(word, install, path, packages):
    with pytest.raises(pytest.skip.Exception, match=rf"^needs {word}: .+ \(to install: .*{install}\)$"):
        require(word)


def test_where_its_need_is_met_it_goes_on(path):
    put(path, "node")
    require("node")


def test_a_need_that_is_not_in_the_table_is_a_mistake():
    with pytest.raises(KeyError):
        require("netscape")


@pytest.mark.parametrize(("required", "ending"), [("node, go", "skip"), (" kafka,go", "fail")])
def test_what_shows_only_when_it_is_used_skips_or_fails_as_required(required, ending, monkeypatch):
    monkeypatch.setenv("PUSHMILL_REQUIRE", required)
    with pytest.raises(getattr(pytest, ending).Exception, match=r"no route to host$"):
        forgo("kafka", "no route to host")


# ── the variable ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("words", ["", " ", ",", "node", " node , go,", "node,node"])
def test_what_is_required_and_there_is_fine(words, path):
    put(path, "node", "go")
    check(words)


@pytest.mark.parametrize("words", ["netscape", "node,netscape", "Node", "node go", "netscape,chromium"])
def test_an_unknown_word_is_named_with_those_that_are_known(words, path):
    put(path, "node")
    with pytest.raises(pytest.UsageError, match=rf"^PUSHMILL_REQUIRE: unknown: .+; known: {WORDS}$"):
        check(words)


def test_everything_that_is_required_and_missing_is_named(path):
    put(path, "go")
    with pytest.raises(pytest.UsageError) as caught:
        check("node,go,kafka")
    assert str(caught.value) == (
        "PUSHMILL_REQUIRE: needs node: node is not on PATH (to install: apt-get install nodejs)\n"
        "PUSHMILL_REQUIRE: needs kafka: java is not on PATH, mvn is not on PATH "
        "(to install: apt-get install default-jre-headless maven)"
    )


# ── a whole run ─────────────────────────────────────────────────────────────────────────────────────────


def pytest_says(required, *options):
    """The exit status and the output of a run of one test that needs Prometheus."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, NEEDS_PROMETHEUS],
        cwd=ROOT,
        env=inherited | {"PUSHMILL_REQUIRE": required},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout


def test_a_run_that_does_not_require_it_skips_and_says_why(path):
    put(path, "node")
    status, said = pytest_says("node")
    assert status == pytest.ExitCode.OK
    assert re.search(
        r"^SKIPPED .+: needs prometheus: .+ \(to install: apt-get install prometheus\)$", said, re.MULTILINE
    )
    assert said.splitlines()[-1].startswith("1 skipped")


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "two processes"])
@pytest.mark.parametrize(
    ("required", "problem"),
    [
        ("prometheus", "needs prometheus: prometheus is not on PATH"),
        ("netscape", "unknown: netscape; known:"),
    ],
)
def test_a_run_that_cannot_be_as_required_fails_before_any_test(path, required, problem, options):
    status, said = pytest_says(required, *options)
    assert status == pytest.ExitCode.USAGE_ERROR
    [line] = said.strip().splitlines()
    assert line.startswith(f"ERROR: PUSHMILL_REQUIRE: {problem}")


def test_a_run_that_has_what_it_requires_passes(path):
    put(path, "prometheus", "promtool")
    status, said = pytest_says("prometheus")
    assert (status, said.splitlines()[-1][:8]) == (pytest.ExitCode.OK, "1 passed")
