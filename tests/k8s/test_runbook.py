"""The runbook, and the settings wherever they stand: nothing named that is not there, nothing left out."""

import re
from pathlib import Path

import pytest

from tests.k8s.support import K8S, ROOT, RUNBOOK, headings
from worker.cli import app
from worker.config import settings_table
from worker.edges.kafka.topics import TOPICS
from worker.records.control import Campaigns, State, change, decode_control

README = ROOT / "README.md"
SETTINGS = {name for name, _, _ in settings_table()}
OTHERS = {"PUSHMILL_TEST_BROKER"}
"""Read by tests and by nothing else."""

NAMING_SETTINGS = [
    path
    for path in (README, ROOT / "Dockerfile", ROOT / "compose.yaml", ROOT / "asyncapi.yaml", *K8S.rglob("*"))
    if path.is_file() and path.suffix in {"", ".md", ".yaml", ".env", ".json", ".py"}
]
SECTIONS = (
    "install",
    "upgrade",
    "rotate-a-vapid-key",
    "alerts",
    "a-stuck-campaign",
    "coming-back-after-a-long-outage",
    "a-push-services-incident",
    "sizing",
    "kafka-settings",
    "what-to-back-up",
)


def variables(path: Path) -> set[str]:
    # A name that goes on (`PUSHMILL_KAFKA_…`) stands for several.
    return set(re.findall(r"\bPUSHMILL_[A-Z0-9_]*[A-Z0-9]\b(?![_*…])", path.read_text()))


@pytest.mark.parametrize("path", NAMING_SETTINGS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_variable_that_is_named_is_read_by_the_code(path: Path):
    assert variables(path) - SETTINGS - OTHERS == set()


def test_every_variable_that_the_code_reads_is_explained():
    assert SETTINGS - variables(README) - variables(RUNBOOK) == set()


def test_the_runbook_says_of_each_setting_what_the_code_says():
    rows = set(RUNBOOK.read_text().splitlines())
    for name, default, meaning in settings_table():
        assert f"| `{name}` | {default} | {meaning} |" in rows


def test_the_runbook_has_every_section():
    assert headings(RUNBOOK) >= set(SECTIONS)


def test_every_link_in_the_runbook_leads_somewhere():
    for anchor in re.findall(r"\]\(#([^)]+)\)", RUNBOOK.read_text()):
        assert anchor in headings(RUNBOOK)


def test_every_file_that_the_runbook_names_is_there():
    text = RUNBOOK.read_text()
    names = set(re.findall(r"`((?:base|components|overlays|alerts|dashboards|compose)/[\w./-]*)`", text))
    assert names
    assert [name for name in names if not (K8S / name).exists()] == []


def test_every_command_of_the_runbook_exists():
    commands = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    }
    groups = {group.name: group.typer_instance for group in app.registered_groups}
    for name, first in re.findall(
        r"(?<!namespace )(?<!/)\bpushmill ([a-z]+)(?: ([a-z]+))?", _code(RUNBOOK.read_text())
    ):
        if name in groups:
            instance = groups[name]
            assert instance is not None
            assert not first or first in {
                each.name or each.callback.__name__ for each in instance.registered_commands if each.callback
            }
        else:
            assert name in commands, name


def test_every_log_line_of_the_runbook_is_written_by_the_code():
    source = "\n".join(path.read_text() for path in (ROOT / "worker").rglob("*.py"))
    quoted = re.findall(r"\blog:?\s+`([^`]+)`", RUNBOOK.read_text())
    assert len(quoted) > 4
    assert [line for line in quoted if f'"{line}"' not in source] == []


def test_every_topic_of_the_runbook_is_one_that_is_created():
    there = {f"push.{topic.name}" for topic in TOPICS}
    for name in re.findall(r"\bpush\.[a-z]+(?:[.-][a-z0-9]+)*", _code(RUNBOOK.read_text())):
        assert name in there | {"push.later"}, name


def test_a_pause_that_begins_with_the_outage_moves_everything_by_the_whole_of_it():
    [(key, record)] = re.findall(r"^ *echo '(\w+)\|(\{.*\})'", RUNBOOK.read_text(), re.MULTILINE)
    control = decode_control(record.encode())
    assert control.campaign_id == key
    campaigns = Campaigns()
    outage = campaigns.apply(control).at
    resumed = change(key, campaigns.of(key), State.RUNNING, outage + 10_800)
    assert (resumed.state, resumed.shift) == (State.RUNNING, 10_800)


def _code(markdown: str) -> str:
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```", markdown, re.MULTILINE | re.DOTALL)
    return "\n".join(blocks + re.findall(r"`([^`\n]+)`", markdown))
