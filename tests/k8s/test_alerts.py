"""The rules: promtool's verdict, and that every alert has a test, its texts and an entry in the runbook."""

from typing import Any

import pytest
import yaml

from k8s.tools import render
from tests.k8s.support import RULE_TESTS, RULES, RUNBOOK, alerts, binary, headings, recordings, run

EACH_ALERT = pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])

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
}


def test_promtool_accepts_the_rules():
    run(binary("promtool"), "check", "rules", RULES)


def test_each_alert_fires_when_it_should_and_not_when_it_should_not():
    run(binary("promtool"), "test", "rules", RULE_TESTS.name, cwd=RULE_TESTS.parent)


def test_there_is_an_alert_for_everything_that_wants_one():
    assert {alert["alert"] for alert in alerts()} >= ASKED_FOR


@EACH_ALERT
def test_both_sides_of_each_alert_are_tested(alert: dict[str, Any]):
    name = alert["alert"]
    checks = [
        check
        for group in yaml.safe_load(RULE_TESTS.read_text())["tests"]
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
    for rule in alerts() + recordings():
        assert "later" not in rule["expr"]
        assert not any(word in rule["expr"] for word in ("campaign", "site", "recipient_id"))


def test_the_operators_form_and_the_dashboard_are_written_anew_with_the_same_result():
    assert render.stale() == [], "python -m k8s.tools.render"
