"""The manifests after their overlays are applied: Kubernetes' schemas, and what must hold besides."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from referencing import Registry, Resource

from tests.k8s.support import K8S, ROOT, alerts, build, kustomized
from worker.config import DRAIN_MARGIN, REBALANCE_TIMEOUT, load_settings
from worker.edges import kubernetes
from worker.edges.process.supervisor import STOP_MARGIN
from worker.ledger.patience import ANSWER_LIMIT
from worker.push.addresses import _PUBLIC_V6, _REFUSED_V4, _REFUSED_V6
from worker.simulator.certificates import Certificates

Manifest = dict[str, Any]

OVERLAYS = ("overlays/dev", "overlays/prod")
WITH_CAMPAIGNS = ("overlays/campaigns-dev", "overlays/campaigns-prod")
CUSTOM = {path.stem: json.loads(path.read_text()) for path in Path(__file__).with_name("schemas").iterdir()}
REGISTRY = Registry().with_resource("metadata.json", Resource.from_contents(CUSTOM.pop("metadata")))
OLDEST, NEWEST = "1.31", kubernetes_validate.latest_version()

WORKER = {"app.kubernetes.io/name": "pushmill", "app.kubernetes.io/component": "worker"}
TOPICS = {"app.kubernetes.io/name": "pushmill", "app.kubernetes.io/component": "topics"}

EACH_OVERLAY = pytest.mark.parametrize("overlay", OVERLAYS)
EVERY_OVERLAY = pytest.mark.parametrize("overlay", OVERLAYS + WITH_CAMPAIGNS)
EACH_MANIFEST = pytest.mark.parametrize(
    ("overlay", "manifest"),
    [
        pytest.param(overlay, manifest, id=f"{overlay}-{manifest['kind']}-{manifest['metadata']['name']}")
        for overlay in OVERLAYS + WITH_CAMPAIGNS
        for manifest in kustomized(overlay)
    ],
)


def find(overlay: str, kind: str, name: str = "pushmill") -> Manifest:
    [found] = [each for each in kustomized(overlay) if each["kind"] == kind and named(each) == name]
    return found


def named(manifest: Manifest) -> str:
    name: str = manifest["metadata"]["name"]
    return name.rpartition("-")[0] if is_settings(manifest) else name


def is_settings(manifest: Manifest) -> bool:
    return manifest["kind"] == "ConfigMap" and "PUSHMILL_VAPID_DIR" in manifest["data"]


def settings(overlay: str) -> dict[str, str]:
    data: dict[str, str] = find(overlay, "ConfigMap", "pushmill-settings")["data"]
    return data


def worker(overlay: str) -> tuple[Manifest, Manifest]:
    """The worker's pod, and its one container."""
    pod = find(overlay, "StatefulSet")["spec"]["template"]["spec"]
    [container] = pod["containers"]
    return pod, container


def pods(overlay: str) -> Iterator[tuple[str, Manifest]]:
    for manifest in kustomized(overlay):
        if manifest["kind"] in {"StatefulSet", "Job", "Deployment"}:
            yield named(manifest), manifest["spec"]["template"]


def containers(pod: Manifest) -> list[Manifest]:
    """Every container of a pod, those that begin before the others included."""
    return [*pod.get("initContainers", ()), *pod["containers"]]


# ── schemas ─────────────────────────────────────────────────────────────────────────────────────────────────


@EACH_MANIFEST
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_each_manifest_is_what_kubernetes_takes(overlay: str, manifest: Manifest, version: str):
    if manifest["kind"] in CUSTOM:
        schema = CUSTOM[manifest["kind"]]
        jsonschema.Draft202012Validator(schema, registry=REGISTRY).validate(manifest)
    else:
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("kind", CUSTOM)
def test_the_schemas_beside_these_tests_are_in_use_and_refuse_what_they_do_not_know(kind: str):
    jsonschema.Draft202012Validator.check_schema(CUSTOM[kind])
    name = "pushmill-kafka" if kind == "TriggerAuthentication" else "pushmill"
    manifest = find("overlays/prod", kind, name)
    wrong = {**manifest, "spec": {**manifest["spec"], "mistyped": 1}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(CUSTOM[kind], registry=REGISTRY).validate(wrong)


# ── pods ────────────────────────────────────────────────────────────────────────────────────────────────────


@EVERY_OVERLAY
def test_every_pod_meets_the_restricted_standard(overlay: str):
    for name, template in pods(overlay):
        pod = template["spec"]
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["enableServiceLinks"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] > 0, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in containers(pod):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert not context.get("privileged"), name
            assert container["resources"]["requests"].keys() >= {"cpu", "memory"}, name
            assert "memory" in container["resources"]["limits"], name


@EVERY_OVERLAY
def test_pushmills_own_pods_cannot_write_to_their_image_and_have_an_identity_of_their_own(overlay: str):
    assert find(overlay, "ServiceAccount")["automountServiceAccountToken"] is False
    for name, template in pods(overlay):
        if name.startswith("pushmill"):
            assert template["spec"]["serviceAccountName"] == "pushmill"
            for container in containers(template["spec"]):
                assert container["securityContext"]["readOnlyRootFilesystem"] is True


@EVERY_OVERLAY
def test_whatever_reaches_kafka_reaches_it_alike(overlay: str):
    _, container = worker(overlay)
    secrets = [each for each in container["env"] if "secretKeyRef" in each["valueFrom"]]
    for name, template in pods(overlay):
        if name.startswith("pushmill"):
            for each in containers(template["spec"]):
                assert each["envFrom"] == container["envFrom"]
                given = [env for env in each.get("env", ()) if "secretKeyRef" in env.get("valueFrom", {})]
                assert given == secrets, (name, each["name"])


@EACH_OVERLAY
def test_each_pod_is_a_member_by_its_own_name(overlay: str):
    _, container = worker(overlay)
    [instance] = [each for each in container["env"] if each["name"] == "PUSHMILL_INSTANCE_ID"]
    assert instance["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


@EACH_OVERLAY
def test_probes_ask_what_the_status_port_answers(overlay: str):
    _, container = worker(overlay)
    paths = {
        kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("liveness", "readiness", "startup")
    }
    assert paths == {"liveness": "/healthz", "readiness": "/readyz", "startup": "/healthz"}
    assert {container[f"{kind}Probe"]["httpGet"]["port"] for kind in paths} == {"metrics"}
    assert container["ports"] == [{"name": "metrics", "containerPort": 9400}]
    assert settings(overlay)["PUSHMILL_STATUS_PORT"] == "9400"


@EACH_OVERLAY
def test_the_grace_period_lets_a_drain_and_a_rebalance_end(overlay: str):
    pod, _ = worker(overlay)
    data = settings(overlay)
    request, drain = float(data["PUSHMILL_REQUEST_TIMEOUT"]), float(data["PUSHMILL_DRAIN_TIMEOUT"])
    grace = pod["terminationGracePeriodSeconds"]
    assert request + DRAIN_MARGIN < drain < REBALANCE_TIMEOUT < grace
    assert kubernetes.LIMIT + drain + ANSWER_LIMIT + STOP_MARGIN < grace


@EACH_OVERLAY
def test_the_settings_are_such_as_a_worker_starts_with(overlay: str, tmp_path: Path):
    pod, container = worker(overlay)
    mounts = {each["name"]: each for each in container["volumeMounts"]}
    given = {**settings(overlay)}
    assert mounts["vapid"]["mountPath"] == given["PUSHMILL_VAPID_DIR"]
    assert mounts["vapid"]["readOnly"] is True
    assert "subPath" not in mounts["vapid"]
    [vapid] = [volume for volume in pod["volumes"] if volume["name"] == "vapid"]
    assert vapid["secret"]["secretName"] == "pushmill-vapid"
    if "PUSHMILL_KAFKA_SSL_CAFILE" in given:
        assert given["PUSHMILL_KAFKA_SSL_CAFILE"] == f"{mounts['kafka']['mountPath']}/ca.crt"
        given["PUSHMILL_KAFKA_SSL_CAFILE"] = str(Certificates().write(tmp_path))
    given["PUSHMILL_VAPID_DIR"] = str(tmp_path)
    given |= {each["name"]: "from-elsewhere" for each in container["env"]}
    load_settings(given)


# ── going for good ──────────────────────────────────────────────────────────────────────────────────────────


def volume(overlay: str, name: str) -> tuple[Manifest, Manifest]:
    """A volume of the worker's pod, and where its container has it."""
    pod, container = worker(overlay)
    [found] = [each for each in pod["volumes"] if each["name"] == name]
    [mount] = [each for each in container["volumeMounts"] if each["name"] == name]
    return found, mount


@EACH_OVERLAY
def test_before_it_is_stopped_a_worker_takes_the_step_that_is_in_the_image(overlay: str, tmp_path: Path):
    _, container = worker(overlay)
    _, mount = volume(overlay, "kubernetes")
    command = container["lifecycle"]["preStop"]["exec"]["command"]
    assert command == ["python", "-m", kubernetes.__name__, mount["mountPath"]]
    done = subprocess.run(
        (sys.executable, *command[1:-1], str(tmp_path)), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)  # it runs, and misses the volume's files
    assert kubernetes.LIMIT == 2.0


@EACH_OVERLAY
def test_the_step_finds_what_it_reads_and_its_token_expires_soon(overlay: str):
    found, mount = volume(overlay, "kubernetes")
    assert mount["readOnly"] is True
    projected = {name: source for each in found["projected"]["sources"] for name, source in each.items()}
    assert projected["serviceAccountToken"] == {"path": "token", "expirationSeconds": 600}
    assert projected["configMap"] == {
        "name": "kube-root-ca.crt",
        "items": [{"key": "ca.crt", "path": "ca.crt"}],
    }
    own = {each["path"]: each["fieldRef"]["fieldPath"] for each in projected["downwardAPI"]["items"]}
    assert own == {"namespace": "metadata.namespace", "name": "metadata.name"}


@EVERY_OVERLAY
def test_no_other_pod_has_a_token(overlay: str):
    with_token = [
        name
        for name, template in pods(overlay)
        for each in template["spec"].get("volumes", ())
        if "serviceAccountToken" in json.dumps(each)
    ]
    assert with_token == ["pushmill"]


@EACH_OVERLAY
def test_the_token_is_good_for_one_question(overlay: str):
    namespace = find(overlay, "StatefulSet")["metadata"]["namespace"]
    assert find(overlay, "Role")["rules"] == [
        {
            "apiGroups": ["apps"],
            "resources": ["statefulsets"],
            "resourceNames": ["pushmill"],
            "verbs": ["get"],
        }
    ]
    binding = find(overlay, "RoleBinding")
    assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "pushmill"}
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "pushmill", "namespace": namespace}]
    kinds = {manifest["kind"] for manifest in kustomized(overlay)}
    assert not kinds & {"ClusterRole", "ClusterRoleBinding"}


@EACH_OVERLAY
def test_the_leave_file_is_where_only_this_pod_writes_and_goes_with_it(overlay: str):
    found, mount = volume(overlay, "tmp")
    assert settings(overlay)["PUSHMILL_LEAVE_FILE"] == f"{mount['mountPath']}/leave"
    assert "emptyDir" in found


@EVERY_OVERLAY
def test_workers_and_nobody_else_reach_the_kubernetes_api(overlay: str):
    policy = find(overlay, "NetworkPolicy", "pushmill-kubernetes")["spec"]
    assert policy["podSelector"]["matchLabels"] == WORKER
    assert policy["policyTypes"] == ["Egress"]
    [rule] = policy["egress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 6443}]


def test_in_production_the_kubernetes_api_has_an_address():
    [rule] = find("overlays/prod", "NetworkPolicy", "pushmill-kubernetes")["spec"]["egress"]
    assert rule["to"]
    assert all(each["ipBlock"]["cidr"].endswith("/32") for each in rule["to"])


# ── what holds them in bounds ───────────────────────────────────────────────────────────────────────────────


@EACH_OVERLAY
def test_every_selector_finds_the_workers(overlay: str):
    stateful = find(overlay, "StatefulSet")["spec"]
    assert stateful["template"]["metadata"]["labels"] == WORKER
    assert stateful["selector"]["matchLabels"] == WORKER
    assert stateful["serviceName"] == find(overlay, "Service")["metadata"]["name"]
    assert find(overlay, "Service")["spec"]["selector"] == WORKER
    assert find(overlay, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == WORKER
    assert find(overlay, "NetworkPolicy", "pushmill-worker")["spec"]["podSelector"]["matchLabels"] == WORKER
    assert find(overlay, "Job", "pushmill-topics")["spec"]["template"]["metadata"]["labels"] == TOPICS
    tools = find(overlay, "Deployment", "pushmill-tools")["spec"]
    assert tools["replicas"] == 0
    assert tools["selector"]["matchLabels"] == tools["template"]["metadata"]["labels"] != WORKER
    for constraint in stateful["template"]["spec"]["topologySpreadConstraints"]:
        assert constraint["labelSelector"]["matchLabels"] == WORKER
        assert constraint["maxSkew"] == 1


def test_prometheus_and_keda_find_the_workers_too():
    monitor = find("overlays/prod", "PodMonitor")["spec"]
    assert monitor["selector"]["matchLabels"] == WORKER
    assert [each["port"] for each in monitor["podMetricsEndpoints"]] == ["metrics"]
    target = find("overlays/prod", "ScaledObject")["spec"]["scaleTargetRef"]
    assert target == {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "pushmill"}


@EACH_OVERLAY
def test_one_worker_at_a_time_may_be_disturbed(overlay: str):
    assert find(overlay, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_zones_are_kept_even_in_production():
    pod, _ = worker("overlays/prod")
    spread = {each["topologyKey"]: each["whenUnsatisfiable"] for each in pod["topologySpreadConstraints"]}
    assert spread == {
        "topology.kubernetes.io/zone": "DoNotSchedule",
        "kubernetes.io/hostname": "ScheduleAnyway",
    }


@EACH_OVERLAY
def test_nothing_comes_in_but_scrapes(overlay: str):
    everything = find(overlay, "NetworkPolicy")["spec"]
    assert everything["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "pushmill"}
    assert set(everything["policyTypes"]) == {"Ingress", "Egress"}
    assert not everything.get("ingress")
    [scrapes] = find(overlay, "NetworkPolicy", "pushmill-worker")["spec"]["ingress"]
    assert scrapes["ports"] == [{"protocol": "TCP", "port": 9400}]
    assert scrapes["from"]
    assert all("ipBlock" not in peer for peer in scrapes["from"])


@EACH_OVERLAY
def test_nothing_goes_out_but_to_kafka_dns_and_the_public_internet(overlay: str):
    kafka, dns = find(overlay, "NetworkPolicy")["spec"]["egress"]
    bootstrap = settings(overlay)["PUSHMILL_KAFKA_BOOTSTRAP_SERVERS"]
    assert kafka["ports"] == [{"protocol": "TCP", "port": int(bootstrap.rpartition(":")[2])}]
    assert {(each["protocol"], each["port"]) for each in dns["ports"]} == {("UDP", 53), ("TCP", 53)}
    for rule in (kafka, dns):
        assert rule["to"]
        assert all("ipBlock" not in peer for peer in rule["to"])
    [web] = find(overlay, "NetworkPolicy", "pushmill-worker")["spec"]["egress"]
    assert web["ports"] == [{"protocol": "TCP", "port": 443}]
    v4, v6 = (peer["ipBlock"] for peer in web["to"])
    assert (v4["cidr"], set(v4["except"])) == ("0.0.0.0/0", {str(network) for network in _REFUSED_V4})
    assert (v6["cidr"], set(v6["except"])) == (str(_PUBLIC_V6), {str(network) for network in _REFUSED_V6})


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    """The overlay of production with the line in it that makes it go through a proxy."""
    folder = tmp_path_factory.mktemp("k8s") / "k8s"
    shutil.copytree(K8S, folder, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "overlays/prod/kustomization.yaml"
    commented = "  # - ../../components/proxy "
    assert commented in file.read_text()
    file.write_text(file.read_text().replace(commented, commented.replace("# ", "")))
    return build(file.parent)


def test_through_a_proxy_the_url_comes_from_a_secret_and_to_workers_alone(proxied: list[Manifest]):
    named = {
        (each["kind"], each["metadata"]["name"], given["name"]): given["valueFrom"]
        for each in proxied
        if each["kind"] in {"StatefulSet", "Job", "Deployment"}
        for given in each["spec"]["template"]["spec"]["containers"][0].get("env", ())
    }
    [found] = [key for key in named if key[2] == "PUSHMILL_PROXY_URL"]
    assert found[0] == "StatefulSet"
    assert named[found] == {"secretKeyRef": {"name": "pushmill-proxy", "key": "url"}}
    assert ("StatefulSet", "pushmill", "PUSHMILL_INSTANCE_ID") in named  # what was there is there still
    [data] = [each["data"] for each in proxied if is_settings(each)]
    assert data["PUSHMILL_TRANSPORT"] == "aiohttp"
    assert "PUSHMILL_PROXY_URL" not in data


def test_through_a_proxy_workers_reach_nothing_else_of_the_internet(proxied: list[Manifest]):
    [policy] = [
        each
        for each in proxied
        if each["kind"] == "NetworkPolicy" and each["metadata"]["name"] == "pushmill-worker"
    ]
    for version in (OLDEST, NEWEST):
        kubernetes_validate.validate(policy, version, strict=True)
    [way] = policy["spec"]["egress"]
    assert way["ports"] == [{"protocol": "TCP", "port": 3128}]
    assert way["to"]
    assert policy["spec"]["ingress"]


def test_alerts_lead_to_where_the_overlay_says_that_the_runbook_is_read():
    source = yaml.safe_load((K8S / "overlays/prod/runbook.yaml").read_text())
    assert source["data"]["url"].endswith("/k8s/RUNBOOK.md")
    groups = find("overlays/prod", "PrometheusRule")["spec"]["groups"]
    addresses = {
        rule["alert"]: rule["annotations"]["runbook_url"]
        for group in groups
        for rule in group["rules"]
        if "alert" in rule
    }
    assert addresses == {
        each["alert"]: f"{source['data']['url']}#{each['alert'].lower()}" for each in alerts()
    }
    names = {manifest["metadata"]["name"] for manifest in kustomized("overlays/prod")}
    assert source["metadata"]["name"] not in names


# ── scaling ─────────────────────────────────────────────────────────────────────────────────────────────────


def partitions(overlay: str) -> int:
    [container] = find(overlay, "Job", "pushmill-topics")["spec"]["template"]["spec"]["containers"]
    [given] = [arg for arg in container["args"] if arg.startswith("--partitions=")]
    return int(given.removeprefix("--partitions="))


def test_it_scales_on_what_is_due_and_never_on_the_tiers():
    scaled = find("overlays/prod", "ScaledObject")["spec"]
    given = settings("overlays/prod")
    kafka = [each["metadata"] for each in scaled["triggers"] if each["type"] == "kafka"]
    assert [each["topic"] for each in kafka] == ["push.jobs", "push.jobs.urgent"]
    for each in kafka:
        assert each["bootstrapServers"] == given["PUSHMILL_KAFKA_BOOTSTRAP_SERVERS"]
        assert each["consumerGroup"] == "pushmill"
        assert each["offsetResetPolicy"] == "earliest"
    [due] = [each["metadata"] for each in scaled["triggers"] if each["type"] == "prometheus"]
    assert "pushmill_due_recipients" in due["query"]
    assert "later" not in json.dumps(scaled)


def test_it_scales_between_a_floor_and_the_partition_count():
    scaled = find("overlays/prod", "ScaledObject")["spec"]
    assert 1 <= scaled["minReplicaCount"] <= scaled["maxReplicaCount"] == partitions("overlays/prod")
    assert "replicas" not in find("overlays/prod", "StatefulSet")["spec"]


def test_the_development_overlay_needs_no_operator_and_brings_its_broker():
    kinds = {manifest["kind"] for manifest in kustomized("overlays/dev")}
    assert not kinds & CUSTOM.keys()
    broker = find("overlays/dev", "StatefulSet", "kafka")["spec"]
    assert broker["replicas"] == 1
    assert find("overlays/dev", "Service", "kafka")["spec"]["selector"] == broker["selector"]["matchLabels"]
    assert find("overlays/dev", "StatefulSet")["spec"]["replicas"] == 1
