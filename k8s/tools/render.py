"""Write what follows from other files: dashboard, rules, the runbook's tables, asyncapi.yaml, schemas.

With `--check` only says what is out of date.
"""

import json
import sys
from pathlib import Path

from k8s.tools.dashboard import dashboard
from k8s.tools.schemas import asyncapi, json_schemas
from worker.commands.capacity import rates_table, tiers_table
from worker.config import settings_table

ROOT = Path(__file__).parents[2]
K8S = ROOT / "k8s"
RULES = K8S / "alerts/pushmill.rules.yaml"
RUNBOOK = K8S / "README.md"

_OPERATOR_FORM = """\
# Written from pushmill.rules.yaml by `python -m k8s.tools.render`: change that file, not this one.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: pushmill
spec:
"""


def rendered() -> dict[Path, str]:
    """Every written file with what should be in it."""
    return {
        K8S / "alerts/prometheus-rule.yaml": _prometheus_rule(),
        K8S / "dashboards/pushmill.json": _json(dashboard()),
        RUNBOOK: _with_tables(RUNBOOK.read_text()),
        ROOT / "asyncapi.yaml": asyncapi(),
        **{path: _json(schema) for path, schema in json_schemas().items()},
    }


def stale() -> list[Path]:
    """Written files that are not there, or are otherwise."""
    return [path for path, text in rendered().items() if not path.exists() or path.read_text() != text]


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _prometheus_rule() -> str:
    # As text, so that what the rules' comments say is said there, too.
    lines = RULES.read_text().splitlines(keepends=True)
    groups = lines[lines.index("groups:\n") :]
    return _OPERATOR_FORM + "".join(f"  {line}" if line.strip() else line for line in groups)


def _with_tables(runbook: str) -> str:
    tables = {"capacity": rates_table(), "tiers": tiers_table(), "settings": _settings()}
    for name, table in tables.items():
        runbook = _between(runbook, f"<!-- {name} -->\n", table, f"<!-- /{name} -->\n")
    return runbook


def _between(text: str, begin: str, inside: str, end: str) -> str:
    before, rest = text.split(begin)
    return f"{before}{begin}{inside}{end}{rest.split(end)[1]}"


def _settings() -> str:
    rows = "".join(f"| `{name}` | {default} | {about} |\n" for name, default, about in settings_table())
    return f"| name | default | meaning |\n|---|---|---|\n{rows}"


def main() -> None:
    """Write what is stale, or with `--check` end with status 1 if anything is."""
    behind = stale()
    if "--check" in sys.argv[1:]:
        sys.exit("\n".join(f"{path} is not up to date: python -m k8s.tools.render" for path in behind) or 0)
    texts = rendered()
    for path in behind:
        path.write_text(texts[path])


if __name__ == "__main__":
    main()
