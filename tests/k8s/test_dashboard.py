"""The dashboard: what each panel says of itself, its order, and that it shows every metric."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common, prometheus, stat, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard
from grafana_foundation_sdk.models.dashboard import Panel as GrafanaPanel
from prometheus_client import CollectorRegistry

from campaigns.metrics import Metrics as CampaignMetrics
from tests.k8s.support import CAMPAIGN_DASHBOARD, DASHBOARD, binary, lost, run
from worker.metrics import Metrics

Board = dict[str, Any]

WORKER: Board = json.loads(DASHBOARD.read_text())
CAMPAIGNS: Board = json.loads(CAMPAIGN_DASHBOARD.read_text())
COLUMNS = 24


def panels_of(board: Board) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


EACH_BOARD = pytest.mark.parametrize("board", [WORKER, CAMPAIGNS], ids=["worker", "campaigns"])
EACH_PANEL = pytest.mark.parametrize(
    "panel", panels_of(WORKER) + panels_of(CAMPAIGNS), ids=lambda panel: panel["title"]
)


@pytest.mark.parametrize(
    ("board", "questions"),
    [
        (
            WORKER,
            [
                "Are we keeping up?",
                "What becomes of pushes?",
                "Who is slowing us?",
                "Is the worker well?",
            ],
        ),
        (
            CAMPAIGNS,
            [
                "Do callers get answers?",
                "Is everything sent when it should be?",
                "Is everything counted?",
                "Is the service well?",
            ],
        ),
    ],
    ids=["worker", "campaigns"],
)
def test_it_answers_four_questions_from_top_to_bottom(board: Board, questions: list[str]):
    rows = [panel for panel in board["panels"] if panel["type"] == "row"]
    assert [row["title"] for row in rows] == questions
    tops = [row["gridPos"]["y"] for row in rows]
    assert tops == sorted(tops)


@EACH_PANEL
def test_each_panel_has_a_question_or_a_statement_a_unit_and_a_description(panel: dict[str, Any]):
    assert re.fullmatch(r"[A-Z][^?.]{10,60}[?.]", panel["title"])
    assert len(panel["description"]) > 20
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@EACH_PANEL
def test_each_query_follows_the_variables_at_the_top(panel: dict[str, Any]):
    for target in panel["targets"]:
        for metric in re.findall(r"\b(?:pushmill|process)_\w+\{[^}]*\}", target["expr"]):
            # Of a missing key, workers tell: their pods are others than those chosen.
            pods = "" if 'reason="no_vapid_key"' in metric else ', pod=~"$pod"'
            assert f'namespace=~"$namespace"{pods}' in metric


@EACH_BOARD
def test_the_variables_are_data_source_namespace_and_pod(board: Board):
    assert [variable["name"] for variable in board["templating"]["list"]] == [
        "datasource",
        "namespace",
        "pod",
    ]


@EACH_BOARD
def test_every_query_is_one_that_prometheus_can_read(board: Board, tmp_path: Path):
    rules = [
        {"record": f"panel:{panel['id']}:{target['refId']}", "expr": filled_in(target["expr"])}
        for panel in panels_of(board)
        for target in panel["targets"]
    ]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    run(binary("promtool"), "check", "rules", file)


def filled_in(expression: str) -> str:
    """An expression as Grafana sends it."""
    return re.sub(r"\$(namespace|pod)\b", ".*", expression.replace("$__rate_interval", "5m"))


def test_the_dashboards_can_be_told_apart():
    assert WORKER["uid"] != CAMPAIGNS["uid"]
    assert WORKER["title"] != CAMPAIGNS["title"]


@EACH_BOARD
def test_titles_and_numbers_are_unique_and_no_panel_lies_on_another(board: Board):
    panels = panels_of(board)
    assert len({panel["title"] for panel in panels}) == len(panels)
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < COLUMNS
        assert not cells & taken
        taken |= cells


@pytest.mark.parametrize(("board", "metrics"), [(WORKER, Metrics), (CAMPAIGNS, CampaignMetrics)])
def test_every_metric_is_shown_somewhere(board: Board, metrics: Any):
    registry = CollectorRegistry()
    metrics(registry)
    shown = " ".join(target["expr"] for panel in panels_of(board) for target in panel["targets"])
    assert [metric.name for metric in registry.collect() if metric.name not in shown] == []


# ── Grafana's own types, which it generates from its schemas ────────────────────────────────────────────────

BESIDES = {
    "annotations/list/0": {"titleFormat", "textFormat", "step"},  # the Prometheus data source's own
    **{f"templating/list/{place}": {"definition"} for place in (1, 2)},  # Grafana writes it beside the query
}
"""What Grafana itself exports, and its types do not name."""


def through(kind: Any, given: dict[str, Any]) -> Any:
    return json.loads(JSONEncoder().encode(kind.from_json(given)))


@EACH_BOARD
def test_grafanas_types_know_every_field(board: Board):
    assert list(lost(board, through(Dashboard, board), BESIDES)) == []


def test_a_mistyped_field_would_be_noticed():
    [panel, *_] = panels_of(WORKER)
    wrong = {**panel, "discription": "x"}
    assert list(lost(wrong, through(GrafanaPanel, wrong))) == ["discription"]


@EACH_PANEL
def test_each_panels_options_and_queries_are_such_as_its_plugin_has(panel: dict[str, Any]):
    plugin = {"timeseries": timeseries, "stat": stat}[panel["type"]]
    assert list(lost(panel["options"], through(plugin.Options, panel["options"]))) == []
    for target in panel["targets"]:
        assert list(lost(target, through(prometheus.Dataquery, target))) == []
    custom = panel["fieldConfig"]["defaults"].get("custom")
    if custom:
        assert list(lost(custom, through(timeseries.FieldConfig, custom))) == []
        common.VisibilityMode(custom["showPoints"])
        common.StackingMode(custom["stacking"]["mode"])
        common.LegendDisplayMode(panel["options"]["legend"]["displayMode"])
        common.TooltipDisplayMode(panel["options"]["tooltip"]["mode"])
        common.SortOrder(panel["options"]["tooltip"]["sort"])
    else:
        common.BigValueColorMode(panel["options"]["colorMode"])
        common.BigValueGraphMode(panel["options"]["graphMode"])
        common.BigValueTextMode(panel["options"]["textMode"])
