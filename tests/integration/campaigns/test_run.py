"""`pushmill campaigns run` and `migrate`: a process for each role, one status port, clean ends."""

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from campaigns.store.database import connect
from tests.harness.waiting import until_seen
from tests.harness.worker_process import RUN, get
from tests.integration.campaigns.conftest import Start


async def run(environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    """Run `pushmill campaigns`; return its status and all that it has said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *RUN,
        "campaigns",
        *arguments,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def last_line(said: str) -> str:
    return said.strip().splitlines()[-1]


async def test_a_service_answers_and_ends_cleanly(start: Start):
    service = start()
    await service.start()
    status, body = get(f"{service.api}/openapi.json")
    assert (status, json.loads(body)["openapi"]) == (200, "3.1.1")
    assert get(f"{service.api}/v1/nothing")[0] == 404
    assert service.status("/healthz") == 200
    requests = "pushmill_campaigns_http_requests_total"
    assert service.metric(requests, route="/openapi.json", code="200") == 1
    assert service.metric(requests, route="unknown", code="404") == 1
    assert service.metric("pushmill_campaigns_database_pool") >= 1
    assert service.metric("pushmill_campaigns_ready_processes", role="api") == 1
    assert await service.terminate() == 0


async def test_several_processes_share_the_port(start: Start):
    service = start(PROCESSES="2")
    await service.start()

    def answers() -> bool:
        get(f"{service.api}/docs")
        log = service.log.read_text().splitlines()
        return {line["process"] for line in map(json.loads, log) if line["event"] == "request"} == {0, 1}

    await until_seen(answers, "both processes have answered")
    asked = sum('"event": "request"' in line for line in service.log.read_text().splitlines())
    assert service.metric("pushmill_campaigns_http_requests_total") == asked
    assert service.metric("pushmill_campaigns_ready_processes", role="api") == 2
    assert await service.terminate() == 0


async def test_a_process_that_dies_is_restarted(start: Start):
    service = start(PROCESSES="2")
    await service.start()
    os.kill(children(service.pid)[0], signal.SIGKILL)
    await until_seen(lambda: "restarting it" in service.log.read_text(), "the death is seen")
    await until_seen(lambda: service.status("/readyz") == 200, "the service is ready again")
    assert await service.terminate() == 0


async def test_a_database_that_goes_away_is_waited_for(postgresql_servers, start: Start, database_url: str):
    service = start()
    await service.start()
    name = unquote(urlsplit(database_url).path.removeprefix("/"))
    connection = await connect(postgresql_servers.databases().url_of("postgres"))
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
        )
        await connection.execute(f'ALTER DATABASE "{name}" RENAME TO "{name}_away"')
        await until_seen(lambda: service.status("/readyz") == 503, "the service is not ready")
        assert service.get("/readyz")[1].startswith("api: the database cannot be used")
        assert service.metric("pushmill_campaigns_ready_processes", role="api") == 0
        assert service.status("/healthz") == 200
        await connection.execute(f'ALTER DATABASE "{name}_away" RENAME TO "{name}"')
        await until_seen(lambda: service.status("/readyz") == 200, "the service is ready again")
    finally:
        await connection.close()


async def test_a_database_without_the_schema_is_told_of(postgresql_servers, start: Start):
    databases = postgresql_servers.databases()
    name = await databases.create(migrated=False)
    environment = start(DATABASE_URL=databases.url_of(name)).environment
    try:
        status, said = await run(environment, "run")
        assert status == 1
        assert last_line(said) == (
            "pushmill: the database's schema is older than this release: run `pushmill campaigns migrate`"
        )
        assert await run(environment, "migrate") == (0, "applied  0001  initial\n")
        assert await run(environment, "migrate") == (0, "the schema is up to date\n")
    finally:
        await databases.drop(name)


@pytest.mark.parametrize("command", ["run", "migrate"])
async def test_a_database_that_is_not_there_is_told_of_in_one_line(start: Start, command: str):
    url = "postgresql://push:hunter2@127.0.0.1:9/push"
    status, said = await run(start(DATABASE_URL=url).environment, command)
    assert status == 1
    assert last_line(said).startswith("pushmill: the database cannot be used")
    assert "hunter2" not in said
    assert "Traceback" not in said


async def test_another_secret_than_the_sites_keys_are_sealed_with_is_told_of_at_once(
    database_url: str, start: Start
):
    environment = start(DATABASE_URL=database_url, ROLES="api,scheduler").environment
    assert (await run(environment, "sites", "add", "https://shop.example"))[0] == 0
    other = environment | {"PUSHMILL_CAMPAIGNS_SECRET": "t" * 32}
    status, said = await run(other, "run")
    assert status == 2
    assert last_line(said).startswith("pushmill: PUSHMILL_CAMPAIGNS_SECRET is another")


async def test_a_storage_that_is_not_installed_is_told_of_at_once(start: Start):
    status, said = await run(start(RATE_LIMIT_STORAGE="memcached://127.0.0.1:9").environment, "run")
    assert status == 2
    assert last_line(said).endswith("needs another package: pip install memcachio")


async def test_settings_that_are_wrong_are_told_of_at_once(start: Start):
    status, said = await run(start(PORT="x", ROLES="cook").environment, "run")
    assert status == 2
    assert [line.split()[0] for line in said.strip().splitlines()[1:]] == [
        "PUSHMILL_CAMPAIGNS_ROLES",
        "PUSHMILL_CAMPAIGNS_PORT",
    ]


async def test_a_launcher_that_finds_no_kafka_is_not_ready_and_is_tried_again(start: Start):
    service = start(ROLES="api,launcher")
    await service.start(ready=False)
    await until_seen(lambda: "restarting it" in service.log.read_text(), "the launcher has given up")
    await until_seen(lambda: get(f"{service.api}/docs")[0] == 200, "the API is served all the same")
    assert service.status("/readyz") == 503
    assert service.status("/healthz") == 200
    assert await service.terminate() == 0


@pytest.mark.parametrize("settings", [{}, {"PROCESSES": "2"}, {"ROLES": "api,scheduler"}])
async def test_a_port_that_is_taken_is_named_with_its_setting(start: Start, settings: dict[str, str]):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, said = await run(start(PORT=str(port), **settings).environment, "run")
    assert status == 1
    assert last_line(said).startswith(f"pushmill: PUSHMILL_CAMPAIGNS_PORT is {port}: cannot listen there")
