"""Write everything that is generated: dashboard, operator's rules, tables in pages, asyncapi.yaml, schemas.

With `--check` nothing is written; it lists the files that are out of date.
"""

import json
import sys
from pathlib import Path

from campaigns.config import campaign_settings_table
from k8s.tools.campaigns_dashboard import campaigns_dashboard
from k8s.tools.dashboard import dashboard
from k8s.tools.schemas import asyncapi, json_schemas
from worker.commands.capacity import KeyAgreement, rates_table, tiers_table
from worker.config import settings_table

ROOT = Path(__file__).parents[2]
K8S = ROOT / "k8s"
ALERTS = K8S / "alerts"
DASHBOARDS = K8S / "dashboards"
SIZING = K8S / "SIZING.md"
SETTINGS = ROOT / "docs/settings.md"

_OPERATOR_FORM = """\
# Written from {source} by `python -m k8s.tools.render`: change that file, not this one.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: {name}
spec:
"""


def rendered() -> dict[Path, str]:
    """Every generated file with the text it should have."""
    return {
        ALERTS / "prometheus-rule.yaml": _prometheus_rule("pushmill", ALERTS / "pushmill.rules.yaml"),
        ALERTS / "campaigns/prometheus-rule.yaml": _prometheus_rule(
            "pushmill-campaigns", ALERTS / "campaigns/campaigns.rules.yaml"
        ),
        DASHBOARDS / "pushmill.json": _json(dashboard()),
        DASHBOARDS / "campaigns/pushmill-campaigns.json": _json(campaigns_dashboard()),
        SIZING: _with_tables(
            SIZING, tiers=tiers_table(), **{f"capacity {each}": rates_table(each) for each in KeyAgreement}
        ),
        SETTINGS: _with_tables(
            SETTINGS, settings=_settings(settings_table()), campaigns=_settings(campaign_settings_table())
        ),
        ROOT / "asyncapi.yaml": asyncapi(),
        **{path: _json(schema) for path, schema in json_schemas().items()},
    }


def stale() -> list[Path]:
    """Generated files that are missing or out of date."""
    return [path for path, text in rendered().items() if not path.exists() or path.read_text() != text]


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _prometheus_rule(name: str, rules: Path) -> str:
    # Copied as text rather than parsed, to keep the comments.
    lines = rules.read_text().splitlines(keepends=True)
    groups = lines[lines.index("groups:\n") :]
    return _OPERATOR_FORM.format(name=name, source=rules.name) + "".join(
        f"  {line}" if line.strip() else line for line in groups
    )


def _with_tables(page: Path, **tables: str) -> str:
    text = page.read_text()
    for name, table in tables.items():
        text = _between(text, f"<!-- {name} -->\n", table, f"<!-- /{name} -->\n")
    return text


def _between(text: str, begin: str, inside: str, end: str) -> str:
    before, rest = text.split(begin)
    return f"{before}{begin}{inside}{end}{rest.split(end)[1]}"


def _settings(table: list[tuple[str, str, str]]) -> str:
    rows = "".join(f"| `{name}` | {default} | {about} |\n" for name, default, about in table)
    return f"| name | default | meaning |\n|---|---|---|\n{rows}"


def main() -> None:
    """Write what is out of date; with `--check`, exit with status 1 if anything is."""
    behind = stale()
    if "--check" in sys.argv[1:]:
        sys.exit("\n".join(f"{path} is not up to date: python -m k8s.tools.render" for path in behind) or 0)
    texts = rendered()
    for path in behind:
        path.write_text(texts[path])


if __name__ == "__main__":
    main()
