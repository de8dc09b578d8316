"""Dockerfile and compose.yaml, as far as they can be judged without an engine: they agree with the rest."""

import json
import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.k8s.support import K8S, ROOT, binary, run
from worker.checks.rules import findings
from worker.config import REBALANCE_TIMEOUT
from worker.push.services import Endpoints

DOCKERFILE = (ROOT / "Dockerfile").read_text()
BUILD, FINAL = re.split(r"^(?=FROM )", DOCKERFILE, flags=re.MULTILINE)[1:]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("pushmill")}


# ── Dockerfile ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_image_is_slim_and_takes_only_the_built_folder():
    assert BUILD.startswith("FROM python:${PYTHON} AS build\n")
    assert FINAL.startswith("FROM python:${PYTHON}\n")
    assert re.search(r"^ARG PYTHON=3\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)
    assert re.findall(r"^COPY .*$", FINAL, re.MULTILINE) == ["COPY --from=build /opt/pushmill /opt/pushmill"]
    assert not re.search(r"\b(apt-get|gcc|build-essential|curl|wget)\b", DOCKERFILE)
    assert "pip uninstall" in FINAL


def test_the_image_runs_as_the_user_that_the_manifests_name():
    manifest = yaml.safe_load((K8S / "base/statefulset.yaml").read_text())
    uid = manifest["spec"]["template"]["spec"]["securityContext"]["runAsUser"]
    assert re.findall(r"^USER (.*)$", FINAL, re.MULTILINE) == [f"{uid}:{uid}"]


def test_everything_that_is_copied_is_there_and_let_through():
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [line.split()[1:-1] for line in re.findall(r"^COPY .*$", BUILD, re.MULTILINE)]
    names = {name for line in copied for name in line}
    assert names == allowed
    assert all((ROOT / name).exists() for name in names)


def test_the_image_is_built_from_the_packages_of_the_wheel_and_what_describes_them():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = pyproject["project"]
    packages = pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    files = {"pyproject.toml", "constraints.txt", project["readme"], *project["license-files"]}
    copied = [line.split()[1:] for line in re.findall(r"^COPY .*$", BUILD, re.MULTILINE)]
    whole = [line for line in copied if line[-1] != "./"]
    assert sorted(whole) == sorted([package, package] for package in packages)
    assert {name for line in copied if line[-1] == "./" for name in line[:-1]} == files


def test_the_health_check_is_python_that_parses_and_asks_for_healthz():
    [script] = re.findall(r'HEALTHCHECK .*\\\n +"(.*)"\]', FINAL)
    compile(script, "HEALTHCHECK", "exec")
    assert "/healthz" in script


def test_constraints_hold_every_dependency():
    pinned = {line.partition("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    project = (ROOT / "pyproject.toml").read_text()
    block = project.partition("dependencies = [")[2].partition("\n]")[0]
    wanted = {
        re.split(r"[\[>=<]", name)[0].lower() for name in re.findall(r'^ +"([^"]+)"', block, re.MULTILINE)
    }
    assert wanted
    assert {name.replace("-", "_") for name in wanted} <= {name.replace("-", "_") for name in pinned}


# ── compose.yaml ────────────────────────────────────────────────────────────────────────────────────────────


def test_all_that_belongs_together_is_there():
    assert SERVICES.keys() >= {"kafka", "topics", "worker", "simulate", "prometheus", "grafana"}


@pytest.mark.parametrize("name", SERVICES)
def test_each_image_has_a_version_and_each_file_is_there(name: str):
    service = SERVICES[name]
    assert re.fullmatch(r"[a-z/]+:[\w.-]+", service["image"])
    assert not service["image"].endswith(":latest")
    for volume in service.get("volumes", []):
        source, target, *_ = volume.split(":")
        assert target.startswith("/")
        if source.startswith("."):
            assert (ROOT / source).is_file(), source
        else:
            assert source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_waits_for_what_can_come_true(name: str):
    waits = SERVICES[name].get("depends_on", {})
    for other, wait in waits.items() if isinstance(waits, dict) else ():
        if wait["condition"] == "service_completed_successfully":
            assert other in {"topics", "keys", "secrets", "migrate"}
        else:
            assert wait["condition"] == "service_healthy"
            own = SERVICES[other].get("healthcheck", {})
            assert not own.get("disable")
            assert "test" in own or SERVICES[other]["image"].startswith("pushmill")


@pytest.mark.parametrize("name", OURS)
def test_our_containers_are_kept_as_small_as_our_pods(name: str):
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_a_worker_has_time_to_drain():
    assert float(SERVICES["worker"]["stop_grace_period"].removesuffix("s")) > REBALANCE_TIMEOUT


def test_the_worker_reaches_what_the_simulation_serves():
    options = dict(arg[2:].partition("=")[::2] for arg in SERVICES["simulate"]["command"][1:])
    environment = SERVICES["worker"]["environment"]
    first = int(options["port"])
    profiles = sum(arg.startswith("--profile=") for arg in SERVICES["simulate"]["command"])
    served = [f"{options['advertise']}:{port}" for port in range(first, first + profiles)]
    assert environment["PUSHMILL_ENDPOINT_HOSTS"].split(",") == served
    assert environment["PUSHMILL_CA_FILE"] == f"{options['folder']}/ca.pem"


def test_the_upstream_writes_jobs_that_a_strict_look_finds_nothing_wrong_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    upstream = runpy.run_path(str(K8S / "compose/upstream.py"))
    example = json.loads((ROOT / "schemas/examples/send-job.json").read_text())
    subscription = example["recipients"][0]["subscription"]
    lines = [json.dumps({**subscription, "endpoint": f"{subscription['endpoint']}{n}"}) for n in range(250)]
    (tmp_path / "subscriptions.jsonl").write_text("\n".join(lines))
    monkeypatch.setitem(upstream["jobs"].__globals__, "SUBSCRIPTIONS", tmp_path / "subscriptions.jsonl")
    jobs = upstream["jobs"]("camp")
    assert [len(job["recipients"]) for job in jobs] == [100, 100, 50]
    for job in jobs:
        assert list(findings(json.dumps(job).encode(), Endpoints())) == []


def test_prometheus_takes_its_configuration_with_the_rules(tmp_path: Path):
    text = (K8S / "compose/prometheus.yaml").read_text()
    places = {"pushmill": K8S / "alerts", "campaigns": K8S / "alerts/campaigns"}
    for name, folder in places.items():
        file = f"/etc/prometheus/{name}.rules.yaml"
        mounted = f"./{(folder / f'{name}.rules.yaml').relative_to(ROOT)}:{file}:ro"
        assert mounted in SERVICES["prometheus"]["volumes"]
        text = text.replace(file, str(folder / f"{name}.rules.yaml"))
    (tmp_path / "prometheus.yaml").write_text(text)
    said = run(binary("promtool"), "check", "config", tmp_path / "prometheus.yaml")
    assert "2 rule files found" in said


def test_grafana_is_given_the_dashboard_where_it_looks_for_dashboards():
    provider = yaml.safe_load((K8S / "compose/grafana-dashboards.yaml").read_text())["providers"][0]
    targets = [volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]]
    assert f"{provider['options']['path']}/pushmill.json" in targets
    assert f"{provider['options']['path']}/pushmill-campaigns.json" in targets
    yaml.safe_load((K8S / "compose/grafana-datasource.yaml").read_text())
