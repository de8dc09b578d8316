"""`pushmill control` as a process: campaigns that are known, unknown and none of its business."""

import json
import time

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from tests.harness.command import Done, kafka_of, pushmill
from tests.harness.upstream import Reader, moment
from tests.harness.world import World
from worker.commands import control

UNKNOWN = "is it the campaign_id of the jobs? It may not have begun"


async def run(world: World, *arguments: str, name: str = "control") -> Done:
    return await pushmill(name, *arguments, **kafka_of(world.broker, world.prefix))


async def write_stats(world: World, *campaigns: str) -> None:
    """Write records of push.stats as workers do, all to one partition."""
    now = moment(time.time())
    async with AIOKafkaProducer(bootstrap_servers=world.broker, linger_ms=50) as producer:
        for campaign in campaigns:
            stats = {"v": 1, "campaign_id": campaign, "site_id": "s", "worker": "w", "from": now, "to": now}
            value = json.dumps(stats | {"accepted": 5, "counts": {"sent": 2}}).encode()
            await producer.send(world.prefix + "stats", value, key=campaign.encode(), partition=0)


async def controls(world: World, count: int) -> list[dict]:
    async with Reader(world, "control") as reader:
        await reader.read(lambda: len(reader.records) >= count, f"{count} control records")
        await reader.drain()
        return [{name: value[name] for name in ("campaign_id", "state")} for value in reader.values]


@pytest.mark.parametrize("name", ["control", "campaign"])
async def test_a_campaign_that_workers_have_seen_is_driven_without_a_word(world: World, name: str):
    await write_stats(world, "camp_1", "camp_2")
    for action, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        done = await run(world, action, "camp_1", name=name)
        assert (done.status, done.err) == (0, "")
        assert done.out.startswith(f"camp_1 is {state}; its planned times have moved by ")
    done = await run(world, "stats", "camp_1", name=name)
    assert done.status == 0
    assert "accepted" in done.out


@pytest.mark.parametrize(
    ("campaign", "said"),
    [
        ("no-such-camp", f"push.stats knows no campaign no-such-camp: {UNKNOWN}"),
        ("camp_11", "push.stats knows no campaign camp_11: did you mean camp_1?"),
    ],
)
async def test_a_campaign_that_nobody_knows_is_paused_with_a_warning(world: World, campaign: str, said: str):
    await write_stats(world, "camp_1", "another")
    done = await run(world, "pause", campaign)
    assert (done.status, done.out) == (0, f"{campaign} is paused; its planned times have moved by 0.0 s\n")
    assert done.err == f"pushmill: warning: {said}\n"
    assert await controls(world, 1) == [{"campaign_id": campaign, "state": "paused"}]


async def test_old_records_are_not_read_for_a_warning(world: World, monkeypatch, capsys):
    await write_stats(world, "camp_1", *["other"] * 20)
    for name, value in kafka_of(world.broker, world.prefix).items():
        monkeypatch.setenv(f"PUSHMILL_{name}", value)
    monkeypatch.setattr(control, "NEWEST", 20)
    settings = control.load_kafka_settings(control.os.environ)
    await control._set_and_look(settings, "camp_1", control.State.PAUSED)
    assert "the newest records of push.stats know no campaign camp_1" in capsys.readouterr().err
    monkeypatch.setattr(control, "NEWEST", 21)
    await control._set_and_look(settings, "camp_1", control.State.PAUSED)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("action", ["pause", "resume", "cancel"])
async def test_launches_of_the_campaign_service_are_left_to_it(world: World, action: str):
    done = await run(world, action, "launch_12_abcd2345")
    assert (done.status, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1
    assert (
        "are launches of a campaign service, which would not know of this: "
        f"{action} the campaign there with `pushmill campaigns {action}`" in done.err
    )
    await run(world, "pause", "launches")
    assert await controls(world, 1) == [{"campaign_id": "launches", "state": "paused"}]


async def launch_of_a_service(world: World) -> None:
    """Write what a campaign service's launcher writes first of a launch."""
    async with AIOKafkaProducer(bootstrap_servers=world.broker) as producer:
        await producer.send_and_wait(world.prefix + "launches", b"{}", key=b"launch_12_abcd2345")


@pytest.mark.parametrize("action", ["pause", "resume", "cancel"])
async def test_campaigns_of_the_campaign_service_are_left_to_it(world: World, action: str):
    await launch_of_a_service(world)
    await write_stats(world, "camp_1", "launch_12_abcd2345")
    done = await run(world, action, "camp_36")
    assert (done.status, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1
    assert f"{action} it with `pushmill campaigns {action} camp_36`" in done.err
    await run(world, "pause", "camp_1")  # of a program beside the service
    assert await controls(world, 1) == [{"campaign_id": "camp_1", "state": "paused"}]


async def test_the_counts_of_such_a_campaign_are_looked_for_where_they_are(world: World):
    done = await run(world, "stats", "camp_36")
    assert (done.status, done.out) == (1, "")
    assert "a campaign service's are shown by `pushmill campaigns stats camp_36`" in done.err


@pytest.mark.parametrize("campaign", ["", ".a", "a b", "a" * 129, "ü"])
async def test_ids_that_cannot_be_are_refused_in_words(campaign: str):
    done = await pushmill("control", "pause", campaign)
    assert (done.status, done.out) == (2, "")
    assert "use letters, digits, . _ : -; at most 128" in done.err
    assert "[A-Z" not in done.err


@pytest.mark.parametrize(
    ("action", "topic"), [("stats", "stats"), ("pause", "control"), ("cancel", "control")]
)
async def test_without_its_topic_it_says_so_in_one_line_and_creates_none(
    broker: str, action: str, topic: str
):
    prefix = f"nobody.made.{action}."
    done = await pushmill("control", action, "camp", **kafka_of(broker, prefix))
    assert (done.status, done.out) == (1, "")
    assert done.err == (
        f"pushmill: Kafka at {broker} has no topic {prefix}{topic}: "
        "create what is missing with `pushmill topics create`\n"
    )
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    assert not [name for name in await admin.list_topics() if name.startswith(prefix)]
    await admin.close()
