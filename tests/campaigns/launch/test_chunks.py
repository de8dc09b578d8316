from collections import Counter
from datetime import timedelta
from zoneinfo import available_timezones

import msgspec
import pytest

from campaigns.launch import chunks
from campaigns.launch.blueprints import blueprint_of
from campaigns.launch.chunks import next_chunk, next_due
from campaigns.launch.parts import parts_of
from campaigns.model.ids import Kind, LaunchId, spell
from campaigns.model.secrets import Key
from campaigns.store import windows
from campaigns.store.launching import keep_cursor, open_launches
from tests.harness.audiences import NONCE, START, add_launch, add_site, add_subscribers, subscribers_of
from worker.records.job import decode_job

SLOT = LAUNCH = 3


@pytest.fixture
async def connection(database):
    async with database.connection() as lent:
        yield lent


@pytest.fixture
async def site(connection):
    number = await add_site(connection)
    await add_subscribers(connection, number, 1000)
    return number


async def opened_launch(connection):
    [opened] = await open_launches(connection, SLOT)
    parts = parts_of(opened.launch, opened.site_zone, available_timezones())
    return opened, parts


async def chunk_after(connection):
    opened, parts = await opened_launch(connection)
    key = Key(1, bytes(32))
    blueprint = blueprint_of(opened.launch, public_url="https://push.example", token_key=key, own_worker=True)
    return await next_chunk(connection, opened, parts, blueprint)


async def walk(connection):
    """Write a launch to its end, as a launcher does, and return the chunks' jobs."""
    walked = []
    while (chunk := await chunk_after(connection)) is not None:
        walked.append([decode_job(record.value).job for record in chunk.records])
        await keep_cursor(connection, LaunchId(LAUNCH, NONCE), chunk.cursor, len(walked))
    return walked


def recipients(jobs):
    return [recipient.id for job in jobs for recipient in job.recipients]


async def test_everyone_is_in_exactly_one_chunk(connection, site, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK", 150)
    await add_launch(connection, site, number=LAUNCH)
    walked = await walk(connection)
    assert [len(recipients(jobs)) for jobs in walked] == [150] * 6 + [100]
    everybody = [spell(Kind.SUBSCRIBER, number) for number in await subscribers_of(connection, site)]
    assert Counter(name for jobs in walked for name in recipients(jobs)) == Counter(everybody)
    ids = [job.job_id for jobs in walked for job in jobs]
    assert ids == [f"launch_3_{NONCE}.{number}" for number in range(len(ids))]
    [opened] = await open_launches(connection, SLOT)
    assert opened.launch.written == 1000


async def test_a_chunk_is_filled_from_several_windows_where_few_are_meant(connection, site, monkeypatch):
    monkeypatch.setattr(windows, "SCANNED", 90)
    monkeypatch.setattr(chunks, "CHUNK", 40)
    await add_launch(connection, site, number=LAUNCH, target={"tags": ["vip"]})
    assert [len(recipients(jobs)) for jobs in await walk(connection)] == [40, 40, 20]


async def test_nobody_is_written_for_whom_nobody_is_meant(connection, site):
    await add_launch(connection, site, number=LAUNCH, target={"tags": ["none"]})
    assert await walk(connection) == []


async def test_whoever_unsubscribes_before_their_chunk_is_read_is_left_out(connection, site, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK", 600)
    await add_launch(connection, site, number=LAUNCH)
    first = await chunk_after(connection)
    await keep_cursor(connection, LaunchId(LAUNCH, NONCE), first.cursor, 1)
    await connection.execute("UPDATE subscriber SET status = 'unsubscribed' WHERE site = $1", site)
    assert await chunk_after(connection) is None


async def test_with_stretch_each_chunk_is_due_where_the_one_before_it_ends(connection, site, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK", 250)
    await add_launch(connection, site, number=LAUNCH, stretch_time=3600.0, shift=120.0)
    opened, parts = await opened_launch(connection)
    assert next_due(opened, parts) == START + timedelta(seconds=120)
    first = await chunk_after(connection)
    assert first.last_due_at == pytest.approx(START + timedelta(minutes=15), abs=timedelta(seconds=4))
    await keep_cursor(connection, LaunchId(LAUNCH, NONCE), first.cursor, 1)
    opened, parts = await opened_launch(connection)
    assert next_due(opened, parts) == first.last_due_at + timedelta(seconds=120)
    jobs = [job for record in first.records for job in [decode_job(record.value).job]]
    assert min(job.start_at for job in jobs) == START  # as planned: the worker adds the shift


async def test_a_wall_time_is_that_of_each_zone_and_every_zone_is_written_in_its_turn(connection, site):
    local = START.replace(tzinfo=None)
    await add_launch(connection, site, number=LAUNCH, local_time=local)
    walked = [jobs for jobs in await walk(connection) if jobs]
    # A third is in Berlin, a third in New York; those without a zone are where the site is, in Berlin.
    due = [{job.start_at for job in jobs} for jobs in walked]
    assert due == [{START - timedelta(hours=1)}, {START + timedelta(hours=5)}]
    assert [len(recipients(jobs)) for jobs in walked] == [667, 333]


async def test_the_end_of_a_launch_has_no_time(connection, site):
    await add_launch(connection, site, number=LAUNCH)
    await walk(connection)
    opened, parts = await opened_launch(connection)
    assert next_due(opened, parts) is None


async def test_content_and_clicks_are_as_the_launch_has_them(connection, site):
    await add_launch(
        connection, site, number=LAUNCH, target={"tags": ["vip"]}, ends_at=START + timedelta(days=1)
    )
    chunk = await chunk_after(connection)
    job = decode_job(chunk.records[0].value).job
    assert (job.notification.title, job.notification.url) == (
        "Hello {{n|you}}",
        "https://shop.example/?_pm={{t}}",
    )
    assert job.notification.data == {"pushmill": {"t": "{{t}}"}}
    assert (job.mutable, job.not_after, job.vapid_key) == (True, START + timedelta(days=1), "shop")
    variables = job.recipients[0].variables
    assert set(variables) == {"n", "t"}
    assert (variables["n"], len(variables["t"])) == (0, 34)
    assert (
        msgspec.json.decode(chunk.marker.value)["launch_id"] == job.campaign_id == chunk.marker.key.decode()
    )


async def test_an_attribute_that_is_a_list_is_a_text(connection, site):
    content = {"title": "{{list}}", "url": "https://shop.example/"}
    await add_launch(connection, site, number=LAUNCH, target={"tags": ["vip"]}, content=content)
    chunk = await chunk_after(connection)
    assert decode_job(chunk.records[0].value).job.recipients[0].variables["list"] == "a, b"
