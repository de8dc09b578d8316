"""The page about the campaign service has every command and no other, and what it says of imports is so."""

import re

import msgspec
from typer.main import get_command

from campaigns.commands.app import app
from campaigns.model.credential import CredentialKind
from campaigns.model.import_lines import read_json_line
from campaigns.model.platforms import PLATFORMS
from campaigns.model.retention import Retention
from tests.campaigns.operations.support import ZONES, subscription
from tests.docs.support import ROOT
from worker.push.services import Endpoints

PAGE = (ROOT / "docs/campaigns.md").read_text()


def commands(group, before=()):
    """All commands of a group, as the words that call each."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*before, name))
        else:
            yield " ".join((*before, name))


def told():
    """The commands of the page's table; those of a group stand in one row."""
    [_, rows] = PAGE.split("| command | does |\n|---|---|\n")
    groups = {name for name, command in get_command(app).commands.items() if hasattr(command, "commands")}
    for row in rows.split("\n\n")[0].splitlines():
        cells = re.findall(r"`([^`]+)`", row.split("|")[1])
        first, *_ = cells[0].split()
        for cell in cells:
            words = [word for word in cell.split() if re.fullmatch(r"[a-z]+", word)]
            yield " ".join(
                [first, *(word for word in words[:2] if word != first)] if first in groups else words[:1]
            )


def test_the_table_has_every_command_and_no_other():
    assert sorted(told()) == sorted(commands(get_command(app)))


def test_the_platforms_are_those_that_there_are():
    [named] = re.findall(r"Platforms are (.*?)\.", PAGE, flags=re.DOTALL)
    assert re.findall(r"`(\w+)`", named) == list(PLATFORMS)
    assert len(PLATFORMS) == len(CredentialKind) - 1


def test_the_periods_are_the_usual_ones():
    kept = Retention()
    days = kept.unsubscribed.days, kept.unreachable.days
    for said in (
        f"| {kept.idempotency.total_seconds() / 3600:g} hours |",
        f"| {kept.engagement_months} months, counted by",
        f"| {kept.launch_months} months after they were done",
        f"the rest for {days[0]} days",
        f"| {days[1]} days after they were last seen",
    ):
        assert said in PAGE, said


def test_its_line_of_a_subscriber_can_be_imported():
    [text] = re.findall(r"```json\n(\{\"subscription.*?)```", PAGE, flags=re.DOTALL)
    line = msgspec.json.decode(text) | {"subscription": subscription()}
    assert read_json_line(msgspec.json.encode(line), Endpoints(), ZONES)
