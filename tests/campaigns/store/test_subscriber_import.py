"""Imports: against their meaning over plain dicts, and nobody is revived, replaced or counted twice."""

import asyncio
from datetime import timedelta
from itertools import count

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.model.device import Device
from campaigns.model.subscriber import PayloadFormat, Profile, SubscriberStatus, updated
from campaigns.store import subscriber_import
from campaigns.store.database import Database
from campaigns.store.subscriber_counts import count_subscribers
from campaigns.store.subscriber_import import (
    Imported,
    ImportLine,
    ImportProblem,
    Rejected,
    import_subscribers,
)
from campaigns.store.subscribers import erase_subscriber, list_subscribers, replace_subscriber
from tests.campaigns.store.support import NOON, make_site, make_subscriber, subscriber_of, subscription_of

LATER = NOON + timedelta(hours=1)
UNSUBSCRIBED = SubscriberStatus.UNSUBSCRIBED


def line(number, subscription=None, **profile):
    return ImportLine(number, subscription or subscription_of(number), Profile(**profile))


async def run(connection, site, *lines, numbers=None):
    draw = iter(numbers) if numbers else count(1_000)
    return await import_subscribers(
        connection, site, lines, vapid_key="imported", now=LATER, new_number=lambda: next(draw)
    )


async def everybody(connection, site):
    return await list_subscribers(connection, site, limit=1_000)


TEXTS = ("hwid", "external_id", "language", "country", "region", "city", "zone", "landing_url")


def everything(word, **more):
    """What a line says that says something of each field."""
    return {
        **{name: f"{name} {word}" for name in TEXTS},
        "tags": (word, "é"),
        "attributes": {word: [1, "m"], "plan": word},
        "device": Device(f"browser {word}", f"os {word}", f"platform {word}", f"device {word}"),
        "payload_format": PayloadFormat.PUSHWOOSH,
    } | more


async def test_somebody_new_is_added_with_all_that_a_line_says(database):
    said = everything("a", attributes={"plan": "a", "gone": None})
    async with database.transaction() as connection:
        site = await make_site(connection)
        assert await run(connection, site.id, line(7, **said), line(8)) == Imported(2, 0, [])
        first, second = await everybody(connection, site.id)
    assert first.profile == Profile(**said | {"attributes": {"plan": "a"}})
    assert (first.id, first.vapid_key, first.subscription) == (1_000, "imported", subscription_of(7))
    assert {first.created_at, first.updated_at, first.seen_at, first.status_at} == {LATER}
    assert second.profile == Profile(tags=(), attributes={})


@pytest.mark.parametrize("said", [{}, everything("b"), everything("b", device=Device(os="b"))])
async def test_what_a_line_says_is_changed_and_all_else_stays(database, said):
    async with database.transaction() as connection:
        site = await make_site(connection)
        fields = {"status": SubscriberStatus.EXPIRED, "profile": everything("a")}
        before = await make_subscriber(connection, site.id, 1, **fields)
        assert await run(connection, site.id, line(1, **said)) == Imported(0, 1, [])
        [found] = await everybody(connection, site.id)
        assert found == msgspec.structs.replace(
            before,
            status=SubscriberStatus.ACTIVE,
            vapid_key="imported",
            profile=updated(before.profile, Profile(**said)),
            updated_at=LATER,
            status_at=LATER,
        )
        counts = await count_subscribers(connection, site.id)
        assert (counts[SubscriberStatus.ACTIVE], counts[SubscriberStatus.EXPIRED]) == (1, 0)


async def test_the_last_of_several_lines_with_one_endpoint_counts(database):
    async with database.transaction() as connection:
        site = await make_site(connection)
        lines = [line(number, subscription_of(1), city=str(number)) for number in (1, 2, 3)]
        assert await run(connection, site.id, *lines) == Imported(1, 2, [])
        [found] = await everybody(connection, site.id)
        assert found.profile.city == "3"


async def test_another_site_s_subscribers_are_somebody_else(database):
    async with database.transaction() as connection:
        site, other = await make_site(connection), await make_site(connection)
        there = await make_subscriber(connection, other.id, 1, profile={"hwid": "h"})
        assert await run(connection, site.id, line(1, hwid="h")) == Imported(1, 0, [])
        assert await everybody(connection, other.id) == [there]


async def test_an_empty_import_does_nothing(database):
    async with database.transaction() as connection:
        site = await make_site(connection)
        assert await run(connection, site.id) == Imported(0, 0, [])


async def test_a_number_that_somebody_has_is_drawn_again(database):
    async with database.transaction() as connection:
        site = await make_site(connection)
        await make_subscriber(connection, site.id, 50)
        assert await run(connection, site.id, line(1), numbers=[50, 51]) == Imported(1, 0, [])
        assert [each.id for each in await everybody(connection, site.id)] == [50, 51]
        with pytest.raises(asyncpg.UniqueViolationError):
            await run(connection, site.id, line(2), numbers=[50, 51, 50])
        assert await run(connection, site.id, line(2)) == Imported(1, 0, [])


class Interrupted:
    """A connection on which something else happens before a statement, the first time."""

    def __init__(self, connection, statement, happens):
        self._connection, self._statement, self._happens = connection, statement, happens

    def __getattr__(self, name):
        return getattr(self._connection, name)

    async def execute(self, statement, *arguments):
        await self._interrupt(statement)
        return await self._connection.execute(statement, *arguments)

    async def fetch(self, statement, *arguments):
        await self._interrupt(statement)
        return await self._connection.fetch(statement, *arguments)

    async def _interrupt(self, statement):
        if statement == self._statement and self._happens is not None:
            happens, self._happens = self._happens, None
            await happens()


@pytest.mark.parametrize("statement", [subscriber_import.FIND_KNOWN, subscriber_import.LOCK_KNOWN])
async def test_who_is_erased_meanwhile_is_added_anew(database, statement):
    async with database.transaction() as connection:
        site = await make_site(connection)
        _, erased = [await make_subscriber(connection, site.id, number) for number in (1, 2)]

    async def erase():
        async with database.transaction() as other:
            await erase_subscriber(other, erased)

    async with database.transaction() as connection:
        interrupted = Interrupted(connection, statement, erase)
        assert await run(interrupted, site.id, line(1), line(2), line(3)) == Imported(2, 1, [])
    async with database.transaction() as connection:
        assert sorted(each.subscription.endpoint for each in await everybody(connection, site.id)) == [
            f"https://push.example/{number}" for number in (1, 2, 3)
        ]
        assert (await count_subscribers(connection, site.id))[SubscriberStatus.ACTIVE] == 3
        assert await run(connection, site.id, line(1), line(2), line(3)) == Imported(0, 3, [])


async def test_two_imports_of_one_file_at_once_add_everybody_once(database):
    async with database.transaction() as connection:
        site = await make_site(connection)
    lines = [line(number, external_id=f"u{number % 7}", hwid=f"h{number}") for number in range(200)]

    async def start(these, first):
        async with database.transaction() as connection:
            return await run(connection, site.id, *these, numbers=count(first))

    done = await asyncio.gather(start(lines, 1_000), start(lines[::-1], 2_000), start(lines, 3_000))
    assert sorted(done) == [Imported(0, 200, []), Imported(0, 200, []), Imported(200, 0, [])]
    async with database.connection() as connection:
        assert len(await everybody(connection, site.id)) == 200
        assert (await count_subscribers(connection, site.id))[SubscriberStatus.ACTIVE] == 200


async def test_whoever_unsubscribed_stays_so(database):
    async with database.transaction() as connection:
        site = await make_site(connection)
        made = await make_subscriber(connection, site.id, 1)
        left = msgspec.structs.replace(made, status=UNSUBSCRIBED, subscription=None)
        await replace_subscriber(connection, made, left)
        refused = [Rejected(9, ImportProblem.UNSUBSCRIBED)]
        assert await run(connection, site.id, line(9, made.subscription, city="X")) == Imported(0, 0, refused)
        assert await everybody(connection, site.id) == [left]


# ── against their meaning ───────────────────────────────────────────────────────────────────────────────────

ENDPOINTS = st.integers(0, 2)
HWIDS = st.none() | st.sampled_from("hij")
PROFILES = st.builds(
    Profile,
    hwid=HWIDS,
    external_id=st.none() | st.sampled_from("uv"),
    tags=st.none() | st.sampled_from([(), ("a",), ("b", "a")]),
    attributes=st.none() | st.dictionaries(st.sampled_from("xy"), st.none() | st.integers(0, 2)),
    city=st.none() | st.sampled_from("CD"),
    device=st.sampled_from([Device(), Device("chrome"), Device("firefox", "linux", "desktop", "PC")]),
)
LINES = st.tuples(ENDPOINTS, st.sampled_from([b"\0", b"\0", b"\1"]), PROFILES)
CHANGES = st.tuples(ENDPOINTS, st.none() | st.sampled_from(SubscriberStatus))
STEPS = st.lists(st.one_of(st.lists(LINES, min_size=1, max_size=6), CHANGES), max_size=6)


def subscription(endpoint, key):
    found = subscription_of(endpoint)
    return msgspec.structs.replace(found, auth=key + found.auth[1:])


class Meaning:
    """What is known of each endpoint, in plain dicts."""

    def __init__(self, site):
        self.site = site
        self.people = {}

    def take(self, lines, draw):
        latest = {each.subscription.endpoint: each for each in lines}.values()
        holders = {each.profile.hwid: endpoint for endpoint, each in self.people.items()}
        problems = {each.number: self._problem(each) for each in latest}
        for each in sorted(latest, key=lambda each: (each.profile.hwid or "", each.number)):
            if each.profile.hwid is not None and problems[each.number] is None:
                holder = holders.setdefault(each.profile.hwid, each.subscription.endpoint)
                if holder != each.subscription.endpoint:
                    problems[each.number] = ImportProblem.OTHER_HWID
        rejected = [Rejected(number, problem) for number, problem in sorted(problems.items()) if problem]
        taken = [(each, next(draw)) for each in latest]
        taken = [(each, number) for each, number in taken if problems[each.number] is None]
        added = sum(each.subscription.endpoint not in self.people for each, _ in taken)
        for each, number in taken:
            self._write(each, number)
        return Imported(added, len(lines) - added - len(rejected), rejected)

    def _problem(self, each):
        known = self.people.get(each.subscription.endpoint)
        if known is None:
            return None
        if known.status is UNSUBSCRIBED:
            return ImportProblem.UNSUBSCRIBED
        return None if known.subscription == each.subscription else ImportProblem.OTHER_KEYS

    def _write(self, each, number):
        endpoint = each.subscription.endpoint
        known = self.people.get(endpoint)
        if known is None:
            fields = dict.fromkeys(("created_at", "updated_at", "seen_at", "status_at"), LATER)
            known = subscriber_of(self.site, number, subscription=each.subscription, **fields)
        stays = known.status in {SubscriberStatus.ACTIVE, SubscriberStatus.OFF}
        profile = updated(known.profile, each.profile)
        self.people[endpoint] = msgspec.structs.replace(
            known,
            status=known.status if stays else SubscriberStatus.ACTIVE,
            status_at=known.status_at if stays else LATER,
            updated_at=LATER,
            vapid_key="imported",
            profile=profile,
        )


@given(steps=STEPS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
async def test_imports_mean_what_the_model_says(database_url, steps):
    """Batches of lines, and between them single subscribers who change their status, or are erased (None)."""
    async with Database(database_url, size=1) as database, database.transaction() as connection:
        meaning = Meaning((await make_site(connection)).id)
        numbers = count(meaning.site * 1_000)
        for step in steps:
            if isinstance(step, list):
                lines = [
                    ImportLine(number, subscription(endpoint, key), profile)
                    for number, (endpoint, key, profile) in enumerate(step)
                ]
                drawn = [next(numbers) for _ in lines]
                done = await run(connection, meaning.site, *lines, numbers=drawn)
                assert done == meaning.take(lines, iter(drawn))
            else:
                await change(connection, meaning.people, *step)
            await agree(connection, meaning)


async def change(connection, people, endpoint, status):
    endpoint = subscription_of(endpoint).endpoint
    known = people.get(endpoint)
    if known is None or known.status is UNSUBSCRIBED:
        return
    if status is None:
        await erase_subscriber(connection, people.pop(endpoint))
        return
    subscription = None if status is UNSUBSCRIBED else known.subscription
    people[endpoint] = msgspec.structs.replace(known, status=status, subscription=subscription)
    await replace_subscriber(connection, known, people[endpoint])


async def agree(connection, meaning):
    people = sorted(meaning.people.values(), key=lambda each: each.id)
    assert await everybody(connection, meaning.site) == people
    assert await count_subscribers(connection, meaning.site) == {
        status: sum(each.status is status for each in people) for status in SubscriberStatus
    }
    keys = await connection.fetch(
        "SELECT kind, value, subscriber FROM subscriber_key WHERE site = $1", meaning.site
    )
    assert {tuple(row) for row in keys} == {
        (kind, value, each.id)
        for each in people
        for kind in ("hwid", "external_id")
        if (value := getattr(each.profile, kind)) is not None
    }
    held = await connection.fetchval("SELECT count(*) FROM subscriber_endpoint WHERE site = $1", meaning.site)
    assert held == len(people)
