"""What the page on the campaign service tells to type is there, and in an order that works."""

import re
import shlex

import pytest
from typer.testing import CliRunner

from tests.docs.support import ROOT, blocks, text
from worker.commands.pushmill import app

PAGE = text(ROOT / "docs/campaigns.md")
LINES = [
    line.partition(" #")[0].rstrip(" &") for block in blocks(PAGE, "console") for line in block.splitlines()
]
COMMANDS = [line for line in LINES if line.startswith("pushmill ")]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_there_with_its_options(line):
    words = shlex.split(line)[1:]
    command = []
    for word in words:
        if CliRunner().invoke(app, [*command, word, "--help"]).exit_code:
            break
        command.append(word)
    shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})
    assert command
    assert not [word for word in words if word.startswith("--") and word not in shown.output]
    assert words[: len(command)] == command


def test_the_folder_of_keys_is_there_before_the_worker_that_needs_it():
    folder = re.search(r"PUSHMILL_VAPID_DIR=(\S+)", PAGE)[1]
    made = next(number for number, line in enumerate(LINES) if line == f"mkdir -m 700 {folder}")
    assert made < LINES.index("pushmill run")
