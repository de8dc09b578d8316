"""What the command line of chaos asks for."""

import pytest

from tests.chaos.__main__ import COUNTS, parsed
from tests.chaos.schedule import Kind


@pytest.mark.parametrize(
    ("arguments", "kinds", "campaigns"),
    [
        ([], {*COUNTS}, True),
        (["--only", "campaigns"], set(), True),
        (["--only", "kill"], {Kind.KILL}, False),
        (["--only", "kill", "campaigns"], {Kind.KILL}, True),
    ],
)
def test_which_runs_are_made(monkeypatch, arguments, kinds, campaigns):
    monkeypatch.setattr("tests.chaos.__main__.TEST_BROKER", None)
    options = parsed(arguments)
    assert ({*options.counts}, options.campaigns) == (kinds, campaigns)
