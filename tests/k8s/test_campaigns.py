"""The campaign service's manifests after their overlays are applied: what must hold besides the schemas."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from campaigns.commands.app import app
from campaigns.config import ROLES, CampaignSettings, load_campaign_settings
from tests.k8s.support import CAMPAIGN_RULES, K8S, alerts, kustomized
from tests.k8s.test_manifests import WITH_CAMPAIGNS, WORKER, Manifest, find, settings, worker
from worker.edges.process.supervisor import STOP_MARGIN
from worker.simulator.certificates import Certificates

EACH_OVERLAY = pytest.mark.parametrize("overlay", WITH_CAMPAIGNS)
OURS = ("pushmill-api", "pushmill-campaigns")
EACH_DEPLOYMENT = pytest.mark.parametrize("name", OURS)
NAME, COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/component"


def pod_of(overlay: str, name: str, kind: str = "Deployment") -> tuple[Manifest, Manifest]:
    """A pod of the campaign service, and its one container."""
    template = find(overlay, kind, name)["spec"]["template"]
    [container] = template["spec"]["containers"]
    return template, container


def beside_the_worker(overlay: str) -> dict[str, Manifest]:
    pod, _ = worker(overlay)
    return {each["name"]: each for each in pod["initContainers"]}


def everybody(overlay: str) -> list[tuple[Manifest, Manifest]]:
    """Every container that runs `pushmill campaigns`, with its pod."""
    found = [pod_of(overlay, name) for name in OURS]
    found.append(pod_of(overlay, "pushmill-migrate", "Job"))
    stateful = find(overlay, "StatefulSet")["spec"]["template"]
    return [*found, *((stateful, each) for each in beside_the_worker(overlay).values())]


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {})
    listed = selector.get("matchExpressions", ())
    assert all(each["operator"] == "In" for each in listed)
    return wanted.items() <= labels.items() and all(
        labels.get(each["key"]) in each["values"] for each in listed
    )


# ── what they run ───────────────────────────────────────────────────────────────────────────────────────────


@EACH_OVERLAY
def test_each_command_line_is_one_that_there_is(overlay: str):
    for _, container in everybody(overlay):
        first, *rest = container["args"]
        assert first == "campaigns"
        command: Any = get_command(app)
        while hasattr(command, "get_command"):
            command = command.get_command(None, rest.pop(0))
        command.make_context(command.name, rest)  # raises if it does not parse


@EACH_OVERLAY
def test_every_role_is_done_by_somebody_and_none_twice(overlay: str):
    roles: list[str] = []
    for name in OURS:
        _, container = pod_of(overlay, name)
        [given] = [each["value"] for each in container["env"] if each["name"] == "PUSHMILL_CAMPAIGNS_ROLES"]
        roles += given.split(",")
    mirrors = [each["args"][1:3] for each in beside_the_worker(overlay).values()]
    assert mirrors == [["keys", "sync"]] * 2
    assert sorted([*roles, "keys"]) == sorted(ROLES)


@EACH_OVERLAY
def test_the_settings_are_such_as_each_container_starts_with(overlay: str, tmp_path: Path):
    """Each container reads all settings, so each must have every file that they name."""
    for template, container in everybody(overlay):
        mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
        volumes = {each["name"]: each for each in template["spec"]["volumes"]}
        given = {**settings(overlay)}
        assert volumes["campaigns"]["secret"]["secretName"] == "pushmill-campaigns"
        for field, text in (("DATABASE_URL", "postgresql://u:p@db/push"), ("SECRET", "s" * 32)):
            name = f"PUSHMILL_CAMPAIGNS_{field}_FILE"
            file = given[name].removeprefix(mounts["campaigns"] + "/")
            assert "/" not in file
            (tmp_path / file).write_text(text)
            given[name] = str(tmp_path / file)
        if "PUSHMILL_KAFKA_SSL_CAFILE" in given:
            assert given["PUSHMILL_KAFKA_SSL_CAFILE"] == f"{mounts['kafka']}/ca.crt"
            given["PUSHMILL_KAFKA_SSL_CAFILE"] = str(Certificates().write(tmp_path))
        given |= {each["name"]: each.get("value", "from-elsewhere") for each in container.get("env", ())}
        load_campaign_settings(given)


@EACH_OVERLAY
def test_no_secret_is_in_a_manifest(overlay: str):
    given = settings(overlay)
    assert not any(CampaignSettings.variable(field) in given for field in CampaignSettings.hidden)
    assert "Secret" not in {manifest["kind"] for manifest in kustomized(overlay)}


# ── keys beside the worker ──────────────────────────────────────────────────────────────────────────────────


@EACH_OVERLAY
def test_a_worker_begins_with_every_key_and_gets_the_others_while_it_runs(overlay: str):
    pod, container = worker(overlay)
    beside = beside_the_worker(overlay)
    assert [*beside] == ["first-keys", "keys"]
    assert beside["first-keys"]["args"][-1] == "--once"
    assert "restartPolicy" not in beside["first-keys"]
    assert beside["keys"]["restartPolicy"] == "Always"  # it runs on beside the worker
    [volume] = [each for each in pod["volumes"] if each["name"] == "vapid"]
    assert volume == {"name": "vapid", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}
    folder = settings(overlay)["PUSHMILL_VAPID_DIR"]
    for each in beside.values():
        assert folder in each["args"]
        [mount] = [mount for mount in each["volumeMounts"] if mount["name"] == "vapid"]
        assert (mount["mountPath"], mount.get("readOnly")) == (folder, None)
    [mount] = [mount for mount in container["volumeMounts"] if mount["name"] == "vapid"]
    assert (mount["mountPath"], mount["readOnly"]) == (folder, True)
    assert not [mount for mount in container["volumeMounts"] if mount["name"] == "campaigns"]


# ── pods ────────────────────────────────────────────────────────────────────────────────────────────────────


@EACH_OVERLAY
@EACH_DEPLOYMENT
def test_probes_ask_what_the_status_port_answers(overlay: str, name: str):
    _, container = pod_of(overlay, name)
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert str(ports["metrics"]) == settings(overlay)["PUSHMILL_CAMPAIGNS_STATUS_PORT"]
    asked = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("liveness", "readiness", "startup")}
    paths = {kind: each["path"] for kind, each in asked.items()}
    assert paths == {"liveness": "/healthz", "readiness": "/readyz", "startup": "/healthz"}
    assert {each["port"] for each in asked.values()} == {"metrics"}


@EACH_OVERLAY
@EACH_DEPLOYMENT
def test_the_grace_period_lets_a_drain_end(overlay: str, name: str):
    template, container = pod_of(overlay, name)
    waits = container.get("lifecycle", {}).get("preStop", {"sleep": {"seconds": 0}})["sleep"]["seconds"]
    drain = float(settings(overlay)["PUSHMILL_CAMPAIGNS_DRAIN_TIMEOUT"])
    assert waits + drain + STOP_MARGIN < template["spec"]["terminationGracePeriodSeconds"]


@EACH_OVERLAY
def test_whoever_answers_requests_is_taken_out_of_the_service_before_it_stops(overlay: str):
    _, container = pod_of(overlay, "pushmill-api")
    assert container["lifecycle"]["preStop"]["sleep"]["seconds"] >= 5
    assert find(overlay, "Deployment", "pushmill-api")["spec"]["strategy"]["rollingUpdate"] == {
        "maxSurge": 1,
        "maxUnavailable": 0,
    }


@EACH_OVERLAY
@EACH_DEPLOYMENT
def test_every_selector_finds_its_pods_and_no_other(overlay: str, name: str):
    spec = find(overlay, "Deployment", name)["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"] == labels
    assert labels[NAME] == "pushmill"
    budget = find(overlay, "PodDisruptionBudget", name)["spec"]
    assert (budget["selector"]["matchLabels"], budget["maxUnavailable"]) == (labels, 1)
    for constraint in spec["template"]["spec"]["topologySpreadConstraints"]:
        assert constraint["labelSelector"]["matchLabels"] == labels
    others = {"campaigns-api", "campaigns-roles", "worker", "topics", "tools"} - {labels[COMPONENT]}
    assert len(others) == 4


# ── requests ────────────────────────────────────────────────────────────────────────────────────────────────


@EACH_OVERLAY
def test_the_service_leads_to_the_api(overlay: str):
    template, container = pod_of(overlay, "pushmill-api")
    service = find(overlay, "Service", "pushmill-api")["spec"]
    assert service["selector"] == template["metadata"]["labels"]
    [port] = service["ports"]
    [listens] = [each for each in container["ports"] if each["name"] == port["targetPort"]]
    assert str(listens["containerPort"]) == settings(overlay)["PUSHMILL_CAMPAIGNS_PORT"]


def test_the_ingress_leads_to_the_service_with_tls_for_the_public_url():
    ingress = find("overlays/campaigns-prod", "Ingress", "pushmill-api")["spec"]
    [rule], [tls] = ingress["rules"], ingress["tls"]
    assert tls["hosts"] == [rule["host"]]
    assert settings("overlays/campaigns-prod")["PUSHMILL_CAMPAIGNS_PUBLIC_URL"] == f"https://{rule['host']}"
    [path] = rule["http"]["paths"]
    assert (path["path"], path["pathType"]) == ("/", "Prefix")
    assert path["backend"]["service"] == {"name": "pushmill-api", "port": {"name": "http"}}
    assert settings("overlays/campaigns-prod")["PUSHMILL_CAMPAIGNS_TRUSTED_PROXIES"]


def test_the_autoscaler_is_the_only_one_to_say_how_many():
    scaler = find("overlays/campaigns-prod", "HorizontalPodAutoscaler", "pushmill-api")["spec"]
    assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "pushmill-api"}
    assert 2 <= scaler["minReplicas"] < scaler["maxReplicas"]
    assert "replicas" not in find("overlays/campaigns-prod", "Deployment", "pushmill-api")["spec"]
    _, container = pod_of("overlays/campaigns-prod", "pushmill-api")
    assert "cpu" in container["resources"]["requests"]  # which the utilization is a share of


# ── who reaches whom ────────────────────────────────────────────────────────────────────────────────────────


@EACH_OVERLAY
def test_the_database_is_reached_by_those_who_need_it(overlay: str):
    policy = find(overlay, "NetworkPolicy", "pushmill-database")["spec"]
    assert policy["policyTypes"] == ["Egress"]
    for template, _ in everybody(overlay):
        assert selects(policy["podSelector"], template["metadata"]["labels"])
    assert not selects(policy["podSelector"], {NAME: "pushmill", COMPONENT: "tools"})
    [rule] = policy["egress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 5432}]
    assert rule["to"]


@EACH_OVERLAY
def test_requests_and_scrapes_come_in_and_nothing_else(overlay: str):
    api, roles = (pod_of(overlay, name)[0]["metadata"]["labels"] for name in OURS)
    admitted: dict[str, set[int]] = {"api": set(), "roles": set(), "worker": set()}
    for policy in kustomized(overlay):
        if policy["kind"] == "NetworkPolicy":
            for whose, labels in (("api", api), ("roles", roles), ("worker", WORKER)):
                if selects(policy["spec"]["podSelector"], labels):
                    rules = policy["spec"].get("ingress", ())
                    assert all(rule["from"] for rule in rules)
                    admitted[whose] |= {port["port"] for rule in rules for port in rule["ports"]}
    assert admitted == {"api": {9500, 9401}, "roles": {9401}, "worker": {9400}}


@EACH_OVERLAY
def test_the_campaign_service_does_not_reach_the_internet(overlay: str):
    for name in OURS:
        labels = pod_of(overlay, name)[0]["metadata"]["labels"]
        for policy in kustomized(overlay):
            if policy["kind"] == "NetworkPolicy" and selects(policy["spec"]["podSelector"], labels):
                assert "0.0.0.0/0" not in json.dumps(policy["spec"].get("egress", ()))


# ── monitoring, and both overlays ───────────────────────────────────────────────────────────────────────────


def test_prometheus_finds_the_pods():
    monitor = find("overlays/campaigns-prod", "PodMonitor", "pushmill-campaigns")["spec"]
    for name in OURS:
        assert selects(monitor["selector"], pod_of("overlays/campaigns-prod", name)[0]["metadata"]["labels"])
    assert not selects(monitor["selector"], WORKER)
    assert [each["port"] for each in monitor["podMetricsEndpoints"]] == ["metrics"]
    dashboard = find("overlays/campaigns-prod", "ConfigMap", "pushmill-campaigns-dashboard")
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_alerts_lead_to_the_same_runbook_as_the_workers():
    source = yaml.safe_load((K8S / "overlays/prod/runbook.yaml").read_text())["data"]["url"]
    groups = find("overlays/campaigns-prod", "PrometheusRule", "pushmill-campaigns")["spec"]["groups"]
    addresses = [
        rule["annotations"]["runbook_url"] for group in groups for rule in group["rules"] if "alert" in rule
    ]
    assert addresses == [f"{source}#{each['alert'].lower()}" for each in alerts(CAMPAIGN_RULES)]


def test_both_overlays_log_in_to_kafka_alike():
    here, there = ((K8S / f"overlays/{name}/kafka-login.yaml") for name in ("campaigns-prod", "prod"))
    assert yaml.safe_load(here.read_text()) == yaml.safe_load(there.read_text())


def test_the_development_overlay_needs_no_operator_and_brings_its_database():
    kinds = {manifest["kind"] for manifest in kustomized("overlays/campaigns-dev")}
    assert not kinds & {"HorizontalPodAutoscaler", "Ingress", "PodMonitor", "PrometheusRule"}
    database = find("overlays/campaigns-dev", "StatefulSet", "postgresql")["spec"]
    service = find("overlays/campaigns-dev", "Service", "postgresql")["spec"]
    assert service["selector"] == database["selector"]["matchLabels"]
    [rule] = find("overlays/campaigns-dev", "NetworkPolicy", "pushmill-database")["spec"]["egress"]
    assert rule["to"] == [{"podSelector": {"matchLabels": service["selector"]}}]


def test_the_workers_are_as_without_the_campaign_service_but_for_their_keys():
    for overlay in ("overlays/dev", "overlays/prod"):
        _, alone = worker(overlay)
        _, beside = worker(overlay.replace("/", "/campaigns-"))
        assert {**alone, "envFrom": []} == {**beside, "envFrom": []}  # its name has a hash of its content
        assert settings(overlay).items() <= settings(overlay.replace("/", "/campaigns-")).items()
