"""Grafana's dashboards, from tables: a row for each question, and its panels from left to right.

Decides how panels look and where they stand; knows no metric of ours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

HERE = 'namespace=~"$namespace", pod=~"$pod"'
"""What every selector contains: the variables at the top."""

COLUMNS = 24
TALL, FLAT = 8, 4


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Attributes:
        title: A question, or a statement.
        about: What it shows, and what to make of it.
        unit: Grafana's name for it, or `suffix:…`.
        queries: Pairs of a legend and an expression; `HERE` stands for the variables' selector.
        kind: `timeseries` or `stat`.
        width: Of 24 columns.
        stacked: Whether the series add up to a whole.
        steps: Colours, each from a value up; the first has no value.
    """

    title: str
    about: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    kind: str = "timeseries"
    width: int = 8
    stacked: bool = False
    steps: tuple[tuple[str, float | None], ...] = (("green", None),)


def rate_of(metric: str, *by: str, more: str = "") -> str:
    """The sum of a counter's increase a second; `more` are further matchers of labels."""
    selector = f"HERE, {more}" if more else "HERE"
    return f"sum by ({', '.join(by)}) (rate({metric}{{{selector}}}[$__rate_interval]))"


def quantile_of(share: float, metric: str, *by: str) -> str:
    """A quantile of a histogram, `share` between 0 and 1."""
    return f"histogram_quantile({share:g}, {rate_of(f'{metric}_bucket', *by, 'le')})"


def stat(
    title: str, about: str, unit: str, query: str, *steps: tuple[str, float | None], width: int = 4
) -> Panel:
    """A panel with a single number."""
    return Panel(title, about, unit, (("", query),), "stat", width, steps=steps or (("blue", None),))


_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard.

    Attributes:
        uid: Its name in addresses.
        title: Its name for people.
        about: What it answers.
        rows: A question, and the panels that answer it.
        present: The metric that every pod has, from which the variables at the top take their values.
        alerts: Names of alerts that are marked, as a regular expression.
        alert_text: What a mark says.
    """

    uid: str
    title: str
    about: str
    rows: Sequence[tuple[str, Sequence[Panel]]]
    present: str
    alerts: str
    alert_text: str


def render(board: Board) -> dict[str, Any]:
    """The whole dashboard as Grafana imports it."""
    return {
        "uid": board.uid,
        "title": board.title,
        "description": board.about,
        "tags": ["pushmill"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "links": [],
        "annotations": {"list": [_alerts(board)]},
        "templating": {"list": _variables(board.present)},
        "panels": list(_panels(board.rows)),
    }


def _alerts(board: Board) -> dict[str, Any]:
    return {
        "name": "Alerts",
        "datasource": _DATASOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": f'ALERTS{{alertname=~"{board.alerts}", alertstate="firing", namespace=~"$namespace|"}}',
        "titleFormat": "{{alertname}}",
        "textFormat": board.alert_text,
        "step": "30s",
    }


def _variables(present: str) -> list[dict[str, Any]]:
    source = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    return [
        source,
        _variable("namespace", "Namespace", f"label_values({present}, namespace)"),
        _variable("pod", "Pod", f'label_values({present}{{namespace=~"$namespace"}}, pod)'),
    ]


def _variable(name: str, label: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": _DATASOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _panels(rows: Sequence[tuple[str, Sequence[Panel]]]) -> Iterator[dict[str, Any]]:
    number, top = 1, 0
    for title, panels in rows:
        place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": False,
            "gridPos": place,
            "panels": [],
        }
        number, top, left, height = number + 1, top + 1, 0, 0
        for panel in panels:
            if left + panel.width > COLUMNS:
                left, top = 0, top + height
            height = FLAT if panel.kind == "stat" else TALL
            place = {"x": left, "y": top, "w": panel.width, "h": height}
            yield {"id": number, **_panel(panel), "gridPos": place}
            number, left = number + 1, left + panel.width
        top += height


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _DATASOURCE,
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
        "options": _STAT_OPTIONS if panel.kind == "stat" else _LINE_OPTIONS,
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": _DATASOURCE,
                "expr": expression.replace("HERE", HERE),
                "legendFormat": legend or "__auto",
                "range": True,
            }
            for place, (legend, expression) in enumerate(panel.queries)
        ],
    }


def _field(panel: Panel) -> dict[str, Any]:
    steps = [{"color": colour, "value": value} for colour, value in panel.steps]
    field = {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.kind == "stat":
        return {**field, "color": {"mode": "thresholds"}}
    lines = {
        "lineWidth": 1,
        "fillOpacity": 40 if panel.stacked else 5,
        "showPoints": "never",
        "stacking": {"mode": "normal" if panel.stacked else "none"},
    }
    return {**field, "color": {"mode": "palette-classic"}, "custom": lines}


_STAT_OPTIONS = {
    "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    "colorMode": "value",
    "graphMode": "area",
    "textMode": "value",
}
_LINE_OPTIONS = {
    "legend": {
        "showLegend": True,
        "displayMode": "table",
        "placement": "bottom",
        "calcs": ["lastNotNull", "max"],
    },
    "tooltip": {"mode": "multi", "sort": "desc"},
}
