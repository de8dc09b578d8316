"""compose.yaml's profiles, without an engine: every command, setting, port and file fits the rest."""

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from campaigns.config import load_campaign_settings, unknown_variables
from tests.k8s.support import K8S, ROOT
from worker.commands.pushmill import app
from worker.config import load_settings
from worker.edges.process.supervisor import STOP_MARGIN

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"].startswith("pushmill")]
DEFAULT = re.compile(r"\$\{[A-Z]+:-([^${}]*)\}")
GIB = 1 << 30

# https://docs.docker.com/reference/compose-file/services/
KEYS = {
    *("image", "build", "command", "entrypoint", "environment", "profiles", "depends_on", "healthcheck"),
    *("ports", "volumes", "tmpfs", "read_only", "cap_drop", "security_opt", "restart", "stop_grace_period"),
    *("mem_limit", "shm_size"),
}
HEALTH_KEYS = {"test", "interval", "timeout", "start_period", "retries", "disable"}


def started_by(*profiles: str) -> dict[str, Any]:
    """The services that a profile starts."""
    return {
        name: service
        for name, service in SERVICES.items()
        if not service.get("profiles") or set(service["profiles"]) & set(profiles)
    }


CAMPAIGNS = started_by("campaigns")


def environment(name: str) -> dict[str, str]:
    """A service's variables, where the user sets none."""
    return {key: filled_in(str(value)) for key, value in SERVICES[name].get("environment", {}).items()}


def filled_in(value: str) -> str:
    """A value with its defaults, of which one may hold another."""
    while (filled := DEFAULT.sub(r"\1", value)) != value:
        value = filled
    return value


def test_a_profile_starts_what_belongs_together():
    assert started_by().keys() == {"kafka", "topics"}
    assert CAMPAIGNS.keys() - {"kafka", "topics"} == {
        *("secrets", "postgresql", "migrate", "campaigns", "campaigns-worker", "caddy"),
    }
    demo = started_by("demo").keys()
    assert demo >= {"keys", "simulate", "worker", "upstream", "prometheus", "grafana"}
    assert not demo & {"campaigns", "campaigns-worker", "postgresql"}


@pytest.mark.parametrize("name", SERVICES)
def test_whatever_a_service_waits_for_is_started_with_it(name: str):
    waits = SERVICES[name].get("depends_on", {})
    for profile in SERVICES[name].get("profiles", ["none"]):
        assert set(waits) <= started_by(profile).keys()


def test_it_fits_into_two_gibibytes():
    running = [each for each in CAMPAIGNS.values() if each.get("restart") == "unless-stopped"]
    megabytes = [int(each["mem_limit"].removesuffix("m")) for each in running]
    assert len(megabytes) == 5
    assert sum(megabytes) << 20 <= 2 * GIB
    [heap] = re.findall(r"-Xmx(\d+)m", SERVICES["kafka"]["environment"]["KAFKA_HEAP_OPTS"])
    assert int(heap) * 2 <= int(SERVICES["kafka"]["mem_limit"].removesuffix("m"))


@pytest.mark.parametrize("name", OURS)
def test_every_command_line_is_one_that_there_is(name: str):
    rest = [*SERVICES[name].get("command", ())]
    if not rest:
        assert "entrypoint" in SERVICES[name]
        return
    command: Any = get_command(app)
    while hasattr(command, "get_command"):
        command = command.get_command(None, rest.pop(0))
    command.make_context(command.name, rest)  # raises if it does not parse


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """The folder of secrets, made as the first start makes it."""
    for _ in range(2):  # a second start leaves it as it is
        subprocess.run((sys.executable, K8S / "compose/make_secrets.py", tmp_path), check=True)
    return tmp_path


@pytest.mark.parametrize("name", ["migrate", "campaigns"])
def test_the_settings_are_such_as_the_campaign_service_starts_with(name: str, secrets: Path):
    given = environment(name)
    for field in ("DATABASE_URL", "SECRET"):
        file = Path(given[f"PUSHMILL_CAMPAIGNS_{field}_FILE"])
        assert f"secrets:{file.parent}:ro" in SERVICES[name]["volumes"]
        given[f"PUSHMILL_CAMPAIGNS_{field}_FILE"] = str(secrets / file.name)
    read = load_campaign_settings(given)
    assert unknown_variables(given) == {}
    database = SERVICES["postgresql"]["environment"]
    password = (secrets / Path(database["POSTGRES_PASSWORD_FILE"]).name).read_text()
    assert read.database_url.get_secret_value() == (
        f"postgresql://{database['POSTGRES_USER']}:{password}@postgresql:5432/{database['POSTGRES_DB']}"
    )
    assert len(password) >= 32


def test_secrets_are_made_once_and_differ_from_machine_to_machine(secrets: Path, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    make = runpy.run_path(str(K8S / "compose/make_secrets.py"))["make"]
    make(elsewhere)
    for name in ("database-password", "secret"):
        kept = (secrets / name).read_text()
        assert kept != (elsewhere / name).read_text()
        assert (secrets / name).stat().st_mode & 0o777 == 0o444
    before = {file.name: file.read_text() for file in secrets.iterdir()}
    make(secrets)
    assert {file.name: file.read_text() for file in secrets.iterdir()} == before


def test_the_worker_starts_with_its_settings_and_reads_the_keys_that_the_service_writes(tmp_path: Path):
    given = environment("campaigns-worker")
    folder = given["PUSHMILL_VAPID_DIR"]
    assert f"campaigns-vapid:{folder}:ro" in SERVICES["campaigns-worker"]["volumes"]
    assert f"campaigns-vapid:{folder}" in SERVICES["campaigns"]["volumes"]
    assert environment("campaigns")["PUSHMILL_VAPID_DIR"] == folder
    load_settings({**given, "PUSHMILL_VAPID_DIR": str(tmp_path)})
    assert not {"PUSHMILL_ALLOW_PRIVATE_ENDPOINTS", "PUSHMILL_CA_FILE"} & given.keys()


def test_caddy_leads_to_the_port_of_the_service_with_its_public_url(secrets: Path):
    given = environment("campaigns") | {
        "PUSHMILL_CAMPAIGNS_DATABASE_URL_FILE": str(secrets / "database-url"),
        "PUSHMILL_CAMPAIGNS_SECRET_FILE": str(secrets / "secret"),
    }
    read = load_campaign_settings(given)
    text = (K8S / "compose/Caddyfile").read_text()
    assert re.findall(r"reverse_proxy (\S+)", text) == [f"campaigns:{read.port}"]
    assert re.findall(r"^\{\$DOMAIN:(\w+)\}", text, re.MULTILINE) == [environment("caddy")["DOMAIN"]]
    assert read.public_url == f"https://{environment('caddy')['DOMAIN']}"
    assert "./k8s/compose/Caddyfile:/etc/caddy/Caddyfile:ro" in SERVICES["caddy"]["volumes"]
    assert "ports" not in SERVICES["campaigns"]
    assert read.proxy_networks
    health = SERVICES["campaigns"]["healthcheck"]["test"][-1]
    compile(health, "healthcheck", "exec")
    assert f"http://127.0.0.1:{read.status_port}/readyz" in health


def test_prometheus_scrapes_the_status_ports(secrets: Path):
    jobs = yaml.safe_load((K8S / "compose/prometheus.yaml").read_text())["scrape_configs"]
    asked = {
        name: (job["job_name"], found["port"])
        for job in jobs
        for found in job["dns_sd_configs"]
        for name in found["names"]
    }
    assert asked == {
        "worker": ("pushmill", 9400),
        "campaigns-worker": ("pushmill", 9400),
        "campaigns": ("pushmill-campaigns", 9401),
    }
    assert asked.keys() <= SERVICES.keys()


def test_whoever_is_stopped_has_time_to_finish():
    drain = 20.0  # the default, which compose.yaml leaves alone
    assert "PUSHMILL_CAMPAIGNS_DRAIN_TIMEOUT" not in environment("campaigns")
    assert float(SERVICES["campaigns"]["stop_grace_period"].removesuffix("s")) > drain + STOP_MARGIN


@pytest.mark.parametrize("name", OURS)
def test_a_new_volume_can_be_written_to_by_whoever_writes_to_it(name: str):
    """A new volume takes the owner of the folder that the image has in its place; else it is root's."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    [owned] = re.findall(r"install --directory --owner=10001 --group=10001 (.*)$", dockerfile, re.MULTILINE)
    for volume in SERVICES[name].get("volumes", ()):
        source, target, *mode = volume.split(":")
        if source in COMPOSE["volumes"] and mode != ["ro"]:
            assert target in owned.split()


def test_what_has_to_be_kept_is_in_a_volume():
    kept = {
        "kafka": SERVICES["kafka"]["environment"]["KAFKA_LOG_DIRS"],
        "postgresql": "/var/lib/postgresql/data",
        "caddy": "/data",
    }
    for name, folder in kept.items():
        assert f"{name}:{folder}" in SERVICES[name]["volumes"]
        assert name in COMPOSE["volumes"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_key_is_one_that_compose_knows(name: str):
    assert set(SERVICES[name]) - KEYS == set()
    assert set(SERVICES[name].get("healthcheck", {})) - HEALTH_KEYS == set()
