"""What compose.yaml starts for the profile `campaigns`, as processes: the same commands and settings."""

import asyncio
import json
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness.campaigns_process import CampaignsProcess
from tests.harness.postgresql import Servers
from tests.harness.waiting import until_seen
from tests.harness.worker_process import ROOT, RUN, WorkerProcess, free_port, get, unset_environment
from tests.k8s.support import K8S
from tests.k8s.test_compose import SERVICES, environment

pytestmark = pytest.mark.timeout(300)


class Machine:
    """A folder for the volumes, and what leads from names of containers to what runs here."""

    def __init__(self, folder: Path, broker: str) -> None:
        self.folder = folder
        self.ports = {name: str(free_port()) for name in ("api", "campaigns", "worker")}
        self._broker = broker
        self._prefix = f"compose-{uuid.uuid4().hex[:8]}."

    def settings(self, name: str) -> dict[str, str]:
        """The variables of a service, with the places that this machine has instead."""
        given = environment(name)
        for volume in SERVICES[name].get("volumes", ()):
            source, target, *_ = volume.split(":")
            if not source.startswith("."):
                given = {
                    key: value.replace(target, str(self.folder / source)) for key, value in given.items()
                }
        return unset_environment() | {
            **given,
            "PUSHMILL_KAFKA_BOOTSTRAP_SERVERS": self._broker,
            "PUSHMILL_TOPIC_PREFIX": self._prefix,
            "PUSHMILL_CAMPAIGNS_PORT": self.ports["api"],
            "PUSHMILL_CAMPAIGNS_STATUS_PORT": self.ports["campaigns"],
            "PUSHMILL_STATUS_PORT": self.ports["worker"],
        }

    async def run(self, name: str, *command: str) -> str:
        """Run a service's command to its end, or another one with its settings; return what it prints."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *RUN, *(command or SERVICES[name]["command"])),
            env=self.settings(name),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        return out.decode()


@pytest.fixture
async def machine(broker: str, postgresql_servers: Servers, tmp_path: Path) -> AsyncIterator[Machine]:
    """With an empty database, whose URL is among the secrets that the first start makes."""
    databases = postgresql_servers.databases()
    name = await databases.create(migrated=False)
    for volume in ("secrets", "campaigns-vapid"):
        (tmp_path / volume).mkdir()
    made = Machine(tmp_path, broker)
    script = (sys.executable, K8S / "compose/make_secrets.py", tmp_path / "secrets")
    await asyncio.to_thread(subprocess.run, script, check=True)
    url = tmp_path / "secrets/database-url"
    url.unlink()
    url.write_text(databases.url_of(name))
    yield made
    await databases.drop(name)


async def test_the_services_start_one_after_the_other_and_serve_a_site(machine: Machine):
    await machine.run("topics")
    assert await machine.run("migrate") == "applied  0001  initial\n"
    campaigns = CampaignsProcess(machine.settings("campaigns"), machine.folder / "campaigns.log")
    worker = WorkerProcess(machine.settings("campaigns-worker"), machine.folder / "worker.log")
    try:
        await campaigns.start()
        script = SERVICES["campaigns"]["healthcheck"]["test"][-1].replace("9401", machine.ports["campaigns"])
        health = (sys.executable, "-c", script)
        assert (await asyncio.to_thread(subprocess.run, health, check=False)).returncode == 0
        await worker.start()
        assert get(f"{campaigns.api}/docs")[0] == 200
        added = await machine.run("campaigns", "campaigns", "sites", "add", "https://shop.example", "--json")
        name = json.loads(added)["vapid_key"]
        key = Path(worker.environment["PUSHMILL_VAPID_DIR"]) / f"{name}.pem"
        await until_seen(key.exists, "the worker has the site's key")
        assert await campaigns.terminate() == 0
        assert await worker.terminate() == 0
    finally:
        await campaigns.kill()
        await worker.kill()
