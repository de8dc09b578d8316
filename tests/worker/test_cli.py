"""The entry point: an interrupt at any moment is one line and a status."""

import ast
import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from worker import cli

COMMAND = (sys.executable, "-m", "worker.cli")

SLOW = """
import sys, time
class Slow:
    def find_spec(self, name, *rest):
        if name == {name!r}:
            print("now", flush=True)
            time.sleep(60)
sys.meta_path.insert(0, Slow())
from worker.cli import main
main()
"""


async def interrupted(program: str) -> tuple[int | None, bytes, bytes]:
    """Interrupt a program once it says "now"; return its exit status and what it wrote after that."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, "check", "-"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    assert await process.stdout.readline() == b"now\n"
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()
    return process.returncode, out, err


@pytest.mark.parametrize("name", ["worker.commands", "typer", "aiokafka", "cryptography.exceptions"])
async def test_an_interrupt_while_modules_are_imported_shows_no_traceback(name: str):
    assert await interrupted(SLOW.format(name=name)) == (130, b"", b"pushmill: interrupted\n")


async def test_an_interrupt_after_that_is_the_command_s():
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "simulate"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert process.stdout
    await process.stdout.readuntil(b"Ctrl-C stops it.\n")
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")


WAITING = """
from worker.commands import check
read = check._read
def wait(file):
    print("now", flush=True)
    return read(file)
check._read = wait
from worker.cli import main
main()
"""


async def test_a_command_that_waits_for_input_is_interrupted_in_one_line():
    assert await interrupted(WAITING) == (130, b"", b"pushmill: interrupted\n")


def test_nothing_is_imported_before_an_interrupt_is_provided_for():
    tree = ast.parse(Path(cli.__file__).read_text())
    names = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in tree.body if isinstance(node, ast.ImportFrom) if node.module}
    assert names == {"os", "signal", "typing"}


def test_version():
    done = subprocess.run([*COMMAND, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("pushmill ")
    assert done.stdout.split()[1][0].isdigit()
