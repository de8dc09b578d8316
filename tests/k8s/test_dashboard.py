"""The dashboard: what each panel says of itself, its order, and that it shows every metric."""

import json
import re
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common, prometheus, stat, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard
from grafana_foundation_sdk.models.dashboard import Panel as GrafanaPanel
from prometheus_client import CollectorRegistry

from tests.k8s.support import DASHBOARD, lost
from worker.metrics import Metrics

BOARD: dict[str, Any] = json.loads(DASHBOARD.read_text())
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
EACH_PANEL = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
COLUMNS = 24


def test_it_answers_four_questions_from_top_to_bottom():
    rows = [panel for panel in BOARD["panels"] if panel["type"] == "row"]
    assert [row["title"] for row in rows] == [
        "Are we keeping up?",
        "What becomes of pushes?",
        "Who is slowing us?",
        "Is the worker well?",
    ]
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
            assert 'namespace=~"$namespace", pod=~"$pod"' in metric


def test_the_variables_are_data_source_namespace_and_pod():
    assert [variable["name"] for variable in BOARD["templating"]["list"]] == [
        "datasource",
        "namespace",
        "pod",
    ]


def test_titles_and_numbers_are_unique_and_no_panel_lies_on_another():
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < COLUMNS
        assert not cells & taken
        taken |= cells


def test_every_metric_is_shown_somewhere():
    registry = CollectorRegistry()
    Metrics(registry)
    shown = " ".join(target["expr"] for panel in PANELS for target in panel["targets"])
    assert [metric.name for metric in registry.collect() if metric.name not in shown] == []


# ── Grafana's own types, which it generates from its schemas ────────────────────────────────────────────────

BESIDES = {
    "annotations/list/0": {"titleFormat", "textFormat", "step"},  # the Prometheus data source's own
    **{f"templating/list/{place}": {"definition"} for place in (1, 2)},  # Grafana writes it beside the query
}
"""What Grafana itself exports, and its types do not name."""


def through(kind: Any, given: dict[str, Any]) -> Any:
    return json.loads(JSONEncoder().encode(kind.from_json(given)))


def test_grafanas_types_know_every_field():
    assert list(lost(BOARD, through(Dashboard, BOARD), BESIDES)) == []


def test_a_mistyped_field_would_be_noticed():
    [panel, *_] = PANELS
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
