"""Launchers as real processes, on PostgreSQL and Apache Kafka."""

import asyncio
import random
import signal
import sys
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from campaigns.config import CampaignSettings
from campaigns.metrics import Metrics
from campaigns.model.ids import Kind, spell
from campaigns.process import Readiness
from campaigns.roles import launch
from tests.chaos.campaigns.launcher import SECRET
from tests.chaos.campaigns.verdict import committed_jobs, judge
from tests.harness.audiences import (
    add_campaign,
    add_launch,
    add_site,
    add_subscribers,
    add_to_outbox,
    subscribers_of,
)
from tests.harness.waiting import until
from tests.harness.worker_process import ROOT
from tests.harness.world import World
from worker.config import KafkaSettings
from worker.edges.kafka.scan import TopicScan
from worker.records.topics import CONTROL, URGENT_JOBS

pytestmark = [pytest.mark.apache_kafka, pytest.mark.timeout(400)]

NOW = datetime.now(UTC)
WRITTEN = "SELECT coalesce(sum(written), 0) FROM launch"
DONE = """
NOT EXISTS (SELECT FROM launch WHERE state = 'writing') AND NOT EXISTS (SELECT FROM outbox)
"""


@pytest.fixture
def settings(world: World) -> KafkaSettings:
    return KafkaSettings(kafka_bootstrap_servers=world.broker, topic_prefix=world.prefix)


@pytest.fixture
async def connection(database):
    async with database.connection() as lent:
        yield lent


@pytest.fixture
async def start(settings, database_url):
    """Starts a launcher, and waits until it works; kills what still runs at the end."""
    running = []

    async def started(chunk=5000, batch=500):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.chaos.campaigns.launcher", database_url),
            *(settings.kafka_bootstrap_servers, settings.topic_prefix, str(chunk), str(batch)),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        running.append(process)
        assert await process.stdout.readline() == b"works\n"
        return process

    yield started
    for process in running:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def kill(process):
    process.kill()
    await process.wait()


async def until_found(connection, statement, seconds=120):
    async with asyncio.timeout(seconds):
        while not await connection.fetchval(statement):  # noqa: ASYNC110 - other processes change the database
            await asyncio.sleep(0.05)


async def end_leases(connection):
    """Let others take the slots of dead launchers at once: that leases run out is another test's matter."""
    await connection.execute("UPDATE slot SET until = now() WHERE until IS NOT NULL")


async def everybody(connection, site):
    return {spell(Kind.SUBSCRIBER, number) for number in await subscribers_of(connection, site)}


async def test_a_launch_is_written_and_its_campaign_is_sending(settings, connection, start):
    site = await add_site(connection)
    await add_subscribers(connection, site, 12_000)
    campaign = await add_campaign(connection, site)
    await add_launch(connection, site, number=3, campaign=campaign, start_at=NOW)
    launcher = await start()
    await until_found(connection, f"SELECT {DONE}")
    verdict = await judge(settings, await everybody(connection, site))
    assert verdict.exactly_once, verdict
    assert await connection.fetchval("SELECT written FROM launch") == 12_000
    assert await connection.fetchval("SELECT status FROM campaign") == "sending"
    launcher.send_signal(signal.SIGTERM)
    assert await launcher.wait() == 0
    assert await connection.fetchval("SELECT count(*) FROM slot WHERE holder IS NOT NULL") == 0


async def kill_while_writing(connection, start, kills):
    """Kill two launchers again and again, soon after they have written something; return how often."""
    dice, killed = random.Random(18), 0
    for _ in range(kills):
        before = await connection.fetchval(WRITTEN)
        launchers = await asyncio.gather(*(start(chunk=25, batch=2) for _ in range(2)))
        await until_found(connection, f"SELECT ({WRITTEN}) > {before} OR {DONE}")
        await asyncio.sleep(dice.random() / 5)
        killed += not await connection.fetchval(f"SELECT {DONE}")
        for launcher in launchers:
            await kill(launcher)
        await end_leases(connection)
    return killed


async def test_launchers_are_killed_while_launches_are_written(settings, connection, start):
    site = await add_site(connection)
    await add_subscribers(connection, site, 20_000)
    for number, language in ((3, "de"), (4, "en"), (19, "fr")):  # two of them are of one slot
        target = {"condition": {"field": "language", "op": "eq", "value": language}}
        await add_launch(connection, site, number=number, start_at=NOW, stretch_time=60.0, target=target)
    assert await kill_while_writing(connection, start, 6) > 3
    await start()
    await until_found(connection, f"SELECT {DONE}")
    verdict = await judge(settings, await everybody(connection, site))
    assert verdict.exactly_once, verdict
    rows = await connection.fetch("SELECT written FROM launch ORDER BY id")
    assert [row["written"] for row in rows] == [6667, 6667, 6666]


async def test_relays_are_killed_while_small_sends_are_written(settings, connection, start):
    site = await add_site(connection)
    await add_subscribers(connection, site, 3000)
    ids = await subscribers_of(connection, site)
    for number in range(32, 62):
        await add_launch(connection, site, number=number, state="written", start_at=NOW)
        await add_to_outbox(connection, number, ids[number - 32 :: 30])
    assert await kill_while_writing(connection, start, 6) > 3
    await start()
    await until_found(connection, f"SELECT {DONE}")
    verdict = await judge(settings, await everybody(connection, site))
    assert verdict.exactly_once, verdict
    rows = await connection.fetch("SELECT written FROM launch")
    assert [row["written"] for row in rows] == [100] * 30


async def test_urgent_sends_go_by_themselves(settings, connection, start):
    site = await add_site(connection)
    await add_subscribers(connection, site, 10)
    ids = await subscribers_of(connection, site)
    await add_launch(connection, site, number=3, state="written", start_at=NOW)
    await add_to_outbox(connection, 3, ids, urgent=True)
    await start()
    await until_found(connection, f"SELECT {DONE}")
    jobs = [job async for job in committed_jobs(settings, URGENT_JOBS)]
    assert [len(job.recipients) for job in jobs] == [1] * 10
    assert [job async for job in committed_jobs(settings)] == []


async def test_a_paused_launch_waits_and_a_cancelled_one_ends_and_the_worker_is_told(
    settings, connection, start
):
    site = await add_site(connection)
    await add_subscribers(connection, site, 300)
    for number, wanted in ((3, "paused"), (4, "cancelled"), (5, "running")):
        await add_launch(connection, site, number=number, wanted=wanted, control_due=True, start_at=NOW)
    await start()
    await until_found(connection, "SELECT count(*) = 2 FROM launch WHERE state = 'written'")
    await until_found(connection, "SELECT count(*) = 0 FROM launch WHERE control_due")
    rows = await connection.fetch("SELECT id, state, written FROM launch ORDER BY id")
    assert [tuple(row) for row in rows] == [(3, "writing", 0), (4, "written", 0), (5, "written", 300)]
    scan = TopicScan(settings, CONTROL)
    await scan.start()
    said = [msgspec.json.decode(record.value) async for batch in scan.batches() for record in batch]
    await scan.stop()
    assert {(each["campaign_id"], each["state"]) for each in said} == {
        ("launch_3_abcdefgh", "paused"),
        ("launch_4_abcdefgh", "cancelled"),
        ("launch_5_abcdefgh", "running"),
    }


async def test_what_is_not_due_yet_is_not_written(settings, connection, start):
    site = await add_site(connection)
    await add_subscribers(connection, site, 12_000)
    # The first chunk is due in five minutes, the second one in some 20.
    await add_launch(connection, site, number=3, start_at=NOW + timedelta(minutes=5), stretch_time=2160.0)
    await add_launch(connection, site, number=4, start_at=NOW + timedelta(hours=1))
    await add_launch(connection, site, number=5, start_at=NOW, target={"tags": ["vip"]})
    await start()
    await until_found(connection, "SELECT state = 'written' FROM launch WHERE id = 5")
    await until_found(connection, "SELECT written > 0 FROM launch WHERE id = 3")
    rows = await connection.fetch("SELECT written FROM launch ORDER BY id")
    assert [row["written"] for row in rows] == [5000, 0, 1200]


async def test_a_launch_without_times_is_written_no_further_ahead_than_outcomes_come(
    settings, connection, start
):
    site = await add_site(connection)
    await add_subscribers(connection, site, 40_000)
    await add_launch(connection, site, number=3, start_at=NOW)
    await start()
    await until_found(connection, "SELECT written >= 20000 FROM launch")
    # 25,000 less a twentieth of them are too many.
    await until_found(connection, "SELECT written = 25000 FROM launch")
    await connection.execute(
        "INSERT INTO launch_count (launch, partition, status, count) VALUES (3, 0, 'sent', 25000)"
    )
    await until_found(connection, f"SELECT {DONE}")
    assert await connection.fetchval("SELECT written FROM launch") == 40_000


async def test_the_role_counts_what_it_writes(settings, database_url, connection):
    site = await add_site(connection)
    await add_subscribers(connection, site, 300)
    await add_launch(connection, site, number=3, start_at=NOW)
    await add_launch(connection, site, number=4, state="written", start_at=NOW)
    await add_to_outbox(connection, 4, (await subscribers_of(connection, site))[:7])
    registry, readiness, stop = CollectorRegistry(), Readiness(), asyncio.Event()
    given = CampaignSettings(
        kafka_bootstrap_servers=settings.kafka_bootstrap_servers,
        topic_prefix=settings.topic_prefix,
        database_url=database_url,
        secret=SECRET,
    )
    role = asyncio.create_task(launch(given, Metrics(registry), readiness, stop, dev=False))
    await until_found(connection, f"SELECT {DONE}")
    written = "pushmill_campaigns_launched_recipients_total"
    await until(lambda: registry.get_sample_value(written) == 307, "all are counted")
    states = ("writing", "written", "paused")
    labels = [{"state": state} for state in states]
    name = "pushmill_campaigns_launches"
    await until(
        lambda: [registry.get_sample_value(name, each) for each in labels] == [0, 2, 0], "so are these"
    )
    stop.set()
    await asyncio.wait_for(role, 60)
