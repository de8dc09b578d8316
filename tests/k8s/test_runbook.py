"""The pages for operators, and settings wherever named: nothing that is not there, nothing left out."""

import json
import re
from pathlib import Path

import pytest

from campaigns.commands.app import app as campaigns_app
from campaigns.config import IN_FILES, CampaignSettings, campaign_settings_table
from tests.k8s.support import (
    CAMPAIGN_DASHBOARD,
    CAMPAIGN_RULES,
    DASHBOARD,
    INSTALL,
    K8S,
    PAGES,
    ROOT,
    RUNBOOK,
    SETTINGS_PAGE,
    SIZING,
    alerts,
    anchors,
    headings,
)
from worker.commands.pushmill import app
from worker.config import settings_table
from worker.records.control import Campaigns, State, change, decode_control
from worker.records.topics import ALL_TOPICS

EACH_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
README = ROOT / "README.md"
TABLES = (*settings_table(), *campaign_settings_table())
SETTINGS = {name for name, _, _ in TABLES}
OTHERS = {
    "PUSHMILL_TEST_BROKER",
    *(f"{CampaignSettings.variable(field)}_FILE" for field in IN_FILES),
}
"""Read by tests and by nothing else, or instead of a setting."""

NAMING_SETTINGS = [
    path
    for path in (
        *(README, ROOT / "Dockerfile", ROOT / "compose.yaml", ROOT / "asyncapi.yaml"),
        *K8S.rglob("*"),
        *(ROOT / "docs").rglob("*.md"),
    )
    if path.is_file() and path.suffix in {"", ".md", ".yaml", ".env", ".json", ".py"}
]
SECTIONS = {
    INSTALL: (
        *("install", "on-your-machine-with-docker", "try-it-on-a-cluster-of-your-own", "in-production"),
        *("through-a-proxy", "upgrade", "commands-by-hand", "vapid-keys", "rotate-a-vapid-key"),
        *("what-to-back-up", "settings"),
    ),
    RUNBOOK: (
        *(
            "alerts",
            "alerts-of-the-campaign-service",
            "a-stuck-campaign",
            "coming-back-after-a-long-outage",
            "a-push-services-incident",
        ),
        "a-wrong-clock",
    ),
    SIZING: ("sizing", "kafka-settings"),
}
MOVED = {
    "PushmillNoWorker": RUNBOOK,
    "PushmillNotKeepingUp": RUNBOOK,
    "PushmillLate": RUNBOOK,
    "PushmillUrgentLate": RUNBOOK,
    "PushmillTiersOverdue": RUNBOOK,
    "PushmillPushServiceFailing": RUNBOOK,
    "PushmillUnauthorized": RUNBOOK,
    "PushmillExpirySurge": RUNBOOK,
    "PushmillDeadLetters": RUNBOOK,
    "PushmillOffsetReset": RUNBOOK,
    "PushmillCheckpointStuck": RUNBOOK,
    "PushmillCheckpointSlow": RUNBOOK,
    "PushmillEventLoopLag": RUNBOOK,
    "PushmillUnreachable": RUNBOOK,
    "PushmillRestarting": RUNBOOK,
    "Alerts": RUNBOOK,
    "A stuck campaign": RUNBOOK,
    "Coming back after a long outage": RUNBOOK,
    "A push service's incident": RUNBOOK,
    "Sizing": SIZING,
    "Kafka settings": SIZING,
}
"""What k8s/README.md held before it was parted, and where it is now: links to its old place still arrive."""


def variables(path: Path) -> set[str]:
    # A name that goes on (`PUSHMILL_KAFKA_…`) stands for several.
    return set(re.findall(r"\bPUSHMILL_[A-Z0-9_]*[A-Z0-9]\b(?![_*…])", path.read_text()))


@pytest.mark.parametrize("path", NAMING_SETTINGS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_variable_that_is_named_is_read_by_the_code(path: Path):
    assert variables(path) - SETTINGS - OTHERS == set()


def test_every_variable_that_the_code_reads_is_explained():
    assert {name for name in SETTINGS if name.startswith("PUSHMILL_")} - variables(SETTINGS_PAGE) == set()


def test_the_page_of_settings_says_of_each_what_the_code_says():
    rows = set(SETTINGS_PAGE.read_text().splitlines())
    for name, default, meaning in TABLES:
        assert f"| `{name}` | {default} | {meaning} |" in rows


@EACH_PAGE
def test_each_page_has_every_section_and_no_anchor_twice(page: Path):
    assert set(headings(page)) >= set(SECTIONS[page])
    assert len(anchors(page)) == len(set(anchors(page)))


@EACH_PAGE
def test_every_link_leads_somewhere(page: Path):
    targets = re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text())
    assert targets
    for target in targets:
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file), target


@pytest.mark.parametrize("title", MOVED)
def test_a_link_to_where_a_section_was_still_arrives(title: str):
    anchor = re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
    line = f'- <a id="{anchor}"></a>[{title}]({MOVED[title].name}#{anchor})'
    assert line in [each.strip() for each in INSTALL.read_text().splitlines()]
    assert anchor in headings(MOVED[title])


def test_each_alert_has_its_entry_in_the_order_of_the_rules():
    _, *sections = re.split(r"^### ", RUNBOOK.read_text(), flags=re.MULTILINE)
    assert [section.partition("\n")[0] for section in sections] == [
        rule["alert"] for rule in [*alerts(), *alerts(CAMPAIGN_RULES)]
    ]
    for section in sections:
        parts = re.findall(r"^- \*\*([^*]+)\*\*", section.partition("\n## ")[0], re.MULTILINE)
        assert parts == ["Means:", "Look at:", "Do:"], section.partition("\n")[0]


def test_every_panel_that_the_runbook_names_is_on_the_dashboard():
    boards = [json.loads(board.read_text()) for board in (DASHBOARD, CAMPAIGN_DASHBOARD)]
    titles = {panel["title"] for board in boards for panel in board["panels"]}
    named = re.findall(r'"([A-Z][^"]*\?)"', RUNBOOK.read_text())
    assert named
    assert set(named) - titles == set()


def test_every_file_that_the_pages_name_is_there():
    text = "\n".join(page.read_text() for page in PAGES)
    names = set(re.findall(r"`((?:base|components|overlays|alerts|dashboards|compose)/[\w./-]*)`", text))
    assert names
    assert [name for name in names if not (K8S / name).exists()] == []


@EACH_PAGE
def test_every_command_of_a_page_exists(page: Path):
    commands = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    }
    groups = {group.name: group.typer_instance for group in app.registered_groups}
    groups["campaigns"] = campaigns_app
    named = re.findall(
        r"(?<!namespace )(?<!/)\bpushmill(?::[\w.]+)? ([a-z][a-z-]*)(?: ([a-z]+))?", _code(page.read_text())
    )
    assert named
    for name, first in named:
        if name in groups:
            instance = groups[name]
            assert instance is not None
            inner = {
                each.name or each.callback.__name__ for each in instance.registered_commands if each.callback
            }
            assert not first or first in inner | {group.name for group in instance.registered_groups}
        else:
            assert name in commands, name


def test_every_log_event_that_the_pages_quote_is_written_by_the_code():
    wings = (ROOT / "worker", ROOT / "campaigns")
    source = "\n".join(path.read_text() for wing in wings for path in wing.rglob("*.py"))
    text = re.sub(r"\s+", " ", "\n".join(page.read_text() for page in PAGES))
    quoted = set(re.findall(r"\blog(?: events?)?:? `([^`]+)`", text))
    # Whatever else is in code and is a sentence, rather than a command or a name, is a log event, too.
    quoted |= set(re.findall(r"`((?!pushmill )[A-Za-z][a-z']*(?:[,;:]? [A-Za-z][A-Za-z'-]*){3,})`", text))
    assert len(quoted) >= 10
    assert [line for line in quoted if f'"{line}"' not in source] == []


@EACH_PAGE
def test_every_topic_of_a_page_is_one_that_is_created(page: Path):
    there = {f"push.{topic.name}" for topic in ALL_TOPICS}
    named = re.findall(r"\bpush\.[a-z]+(?:[.-][a-z0-9]+)*", _code(page.read_text()))
    assert named
    for name in named:
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
