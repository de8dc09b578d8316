"""The rules: promtool's verdict, and that every alert has a test, its texts and an entry in the runbook."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from campaigns.metrics import Metrics
from k8s.tools import render
from tests.k8s.support import (
    CAMPAIGN_RULE_TESTS,
    CAMPAIGN_RULES,
    RULE_TESTS,
    RULES,
    RUNBOOK,
    alerts,
    binary,
    headings,
    recordings,
    run,
)

EVERY_ALERT = [*alerts(), *alerts(CAMPAIGN_RULES)]
EACH_ALERT = pytest.mark.parametrize("alert", EVERY_ALERT, ids=lambda alert: alert["alert"])
EACH_FILE = pytest.mark.parametrize(
    ("rules", "tests"),
    [(RULES, RULE_TESTS), (CAMPAIGN_RULES, CAMPAIGN_RULE_TESTS)],
    ids=["worker", "campaigns"],
)

ASKED_FOR = {
    "PushmillNotKeepingUp",
    "PushmillHeld",
    "PushmillLate",
    "PushmillPushServiceFailing",
    "PushmillUnauthorized",
    "PushmillExpirySurge",
    "PushmillDeadLetters",
    "PushmillCheckpointStuck",
    "PushmillTiersOverdue",
    "PushmillEventLoopLag",
    "PushmillRestarting",
    "PushmillCampaignsRoleMissing",
    "PushmillCampaignsApiFailing",
    "PushmillCampaignsLaunchStalled",
    "PushmillCampaignsOutboxStuck",
    "PushmillCampaignsOverdue",
    "PushmillCampaignsCollectorBehind",
}


@EACH_FILE
def test_promtool_accepts_the_rules(rules: Path, tests: Path):
    assert yaml.safe_load(tests.read_text())["rule_files"] == [rules.name]
    run(binary("promtool"), "check", "rules", rules)


@EACH_FILE
def test_each_alert_fires_when_it_should_and_not_when_it_should_not(rules: Path, tests: Path):
    run(binary("promtool"), "test", "rules", tests.name, cwd=rules.parent)


def test_there_is_an_alert_for_everything_that_wants_one():
    assert {alert["alert"] for alert in EVERY_ALERT} >= ASKED_FOR


@EACH_ALERT
def test_both_sides_of_each_alert_are_tested(alert: dict[str, Any]):
    name = alert["alert"]
    checks = [
        check
        for tests in (RULE_TESTS, CAMPAIGN_RULE_TESTS)
        for group in yaml.safe_load(tests.read_text())["tests"]
        for check in group["promql_expr_test"]
        if check["expr"].startswith("ALERTS{") and name in check["expr"]
    ]
    fired = [sample["labels"] for check in checks for sample in check["exp_samples"]]
    assert any(f'alertname="{name}"' in labels for labels in fired)
    assert any(not check["exp_samples"] for check in checks)


@EACH_ALERT
def test_each_alert_says_how_bad_it_is_what_it_means_and_where_to_read_on(alert: dict[str, Any]):
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    page, _, anchor = alert["annotations"]["runbook_url"].partition("#")
    assert page == "k8s/RUNBOOK.md"
    assert anchor == alert["alert"].lower()
    assert anchor in headings(RUNBOOK)


def test_no_rule_looks_at_the_lag_of_the_tiers_or_at_ids():
    for rule in [*EVERY_ALERT, *recordings(), *recordings(CAMPAIGN_RULES)]:
        assert "later" not in rule["expr"]
        assert not re.search(r"\b(campaign|site|recipient|launch|subscriber)(_id)?\b", rule["expr"])


def test_every_metric_that_a_campaign_rule_names_is_exported():
    registry = CollectorRegistry()
    Metrics(registry)
    exported = {sample.name for metric in registry.collect() for sample in metric.samples}
    exported |= {metric.name for metric in registry.collect()}
    exported |= {f"{metric.name}_total" for metric in registry.collect() if metric.type == "counter"}
    exported |= {f"{metric.name}_bucket" for metric in registry.collect() if metric.type == "histogram"}
    for rule in [*alerts(CAMPAIGN_RULES), *recordings(CAMPAIGN_RULES)]:
        named = set(re.findall(r"\bpushmill_campaigns_\w+", rule["expr"]))
        assert named - exported == set()


def test_the_operators_form_and_the_dashboard_are_written_anew_with_the_same_result():
    assert render.stale() == [], "python -m k8s.tools.render"
