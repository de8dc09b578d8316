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


def test_its_commands_are_listed():
    status, output, _ = called("nothing", "campaigns", "--help")
    assert status == 0
    assert all(name in output for name in ("run", "migrate", "subscribers"))
