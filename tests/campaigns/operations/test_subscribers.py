import asyncio
import contextlib
import hmac

import msgspec
import pytest

from campaigns.model.problems import ConflictError, IdentityError, InvalidError, NotFoundError
from campaigns.model.subscriber import Profile, SubscriberStatus, read_subscription
from campaigns.operations.importing import import_lines
from campaigns.operations.segments import get_attributes
from campaigns.operations.subscribers import (
    SubscriberChanges,
    Subscribing,
    count_by_status,
    delete_subscriber,
    edit_subscriber,
    erase_user,
    get_subscriber,
    get_subscribers,
    subscribe,
    unsubscribe,
)
from campaigns.store.subscriber_import import ImportLine
from campaigns.store.subscribers import replace_subscriber
from tests.campaigns.operations.support import LATER, NOW, contents, make_site, subscription
from tests.harness.waiting import until_told

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 "
    "Safari/537.36"
)


async def enter(service, site, given=None, now=NOW, *, token=None, proof=None, **profile):
    said = Subscribing(
        subscription=given or subscription(),
        token=token,
        proof=proof,
        user_agent=CHROME,
        profile=Profile(**profile),
    )
    return await subscribe(service, site.id, said, now)


async def test_a_browser_subscribes(scope, service, site):
    entered = await enter(
        service,
        site,
        tags=("b", "a", "b"),
        attributes={"plan": "gold"},
        language="de-DE",
        zone="Europe/Berlin",
    )
    found = await get_subscriber(scope, service, entered.number)
    assert (found.status, found.site, found.vapid_key) == (SubscriberStatus.ACTIVE, site.id, site.vapid_key)
    profile = found.profile
    assert (profile.tags, profile.attributes, profile.language) == (("b", "a"), {"plan": "gold"}, "de-de")
    assert (profile.country, profile.device.browser, profile.device.platform) == ("DE", "chrome", "desktop")
    assert [(each.name, each.longest) for each in await get_attributes(scope, service, site.id)] == [
        ("plan", 4)
    ]


async def test_again_it_is_the_same_subscriber(scope, service, site):
    given = subscription()
    first = await enter(service, site, given, tags=("a",))
    assert await enter(service, site, given, LATER) == first
    moved = await enter(service, site, subscription("b"), LATER, token=first.token)
    assert moved == first
    found = await get_subscriber(scope, service, first.number)
    assert (found.subscription.endpoint[-2:], found.profile.tags, found.seen_at) == ("/b", ("a",), LATER)
    assert (await enter(service, site, given)).number != first.number  # nobody has that endpoint any more


async def test_the_same_endpoint_with_other_keys_is_refused(database, service, site):
    await enter(service, site)
    before = await contents(database)
    with pytest.raises(ConflictError, match="other keys"):
        await enter(service, site)
    assert await contents(database) == before


async def test_a_token_of_another_site_or_of_nobody_proves_nothing(scope, service, site):
    other = (await make_site(scope, service)).site
    first = await enter(service, other)
    for token in (first.token, "x" * 34, ""):
        entered = await enter(service, site, subscription(token[:3] or "y"), token=token)
        assert entered.number != first.number


async def test_one_who_has_another_ones_endpoint_by_its_keys_and_a_token_displaces_it(scope, service, site):
    given = subscription()
    one, other = await enter(service, site, given), await enter(service, site, subscription("b"))
    assert await enter(service, site, given, LATER, token=other.token) == other
    assert (await get_subscriber(scope, service, one.number)).status is SubscriberStatus.EXPIRED
    counts = await count_by_status(scope, service, site.id)
    assert (counts[SubscriberStatus.ACTIVE], counts[SubscriberStatus.EXPIRED]) == (1, 1)


async def test_a_hwid_cannot_be_had_twice(scope, service, site):
    one = await enter(service, site, hwid="h")
    with pytest.raises(ConflictError, match="hwid"):
        await enter(service, site, subscription("b"), hwid="h")
    other = await enter(service, site, subscription("b"))
    again = await enter(service, site, subscription("c"), token=other.token, hwid="h")
    assert again == other
    assert (await get_subscriber(scope, service, other.number)).profile.hwid is None
    assert (await get_subscriber(scope, service, one.number)).profile.hwid == "h"


async def test_whoever_unsubscribes_stays_so(scope, service, site):
    given = subscription()
    entered = await enter(service, site, given, hwid="h", external_id=None)
    await unsubscribe(service, site.id, entered.token, LATER)
    found = await get_subscriber(scope, service, entered.number)
    assert (found.status, found.subscription, found.status_at) == (SubscriberStatus.UNSUBSCRIBED, None, LATER)
    await unsubscribe(service, site.id, entered.token, LATER)
    with pytest.raises(ConflictError, match="unsubscribed"):
        await enter(service, site, given, token=entered.token)
    anew = await enter(service, site, subscription("b"), token=entered.token, hwid="h")
    assert anew.number != entered.number
    assert (await get_subscriber(scope, service, entered.number)).status is SubscriberStatus.UNSUBSCRIBED


async def test_an_expired_one_is_revived(database, scope, service, site):
    given = subscription()
    entered = await enter(service, site, given)
    async with database.transaction() as connection:
        old = await get_subscriber(scope, service.within(connection), entered.number)
        gone = msgspec.structs.replace(old, status=SubscriberStatus.EXPIRED)
        await replace_subscriber(connection, old, gone)
    assert await enter(service, site, given, LATER) == entered
    assert (await get_subscriber(scope, service, entered.number)).status is SubscriberStatus.ACTIVE


async def test_a_user_is_named_with_a_proof_alone(database, scope, service):
    added = await make_site(scope, service)
    proof = hmac.new(added.identity_secret.encode(), b"u-1", "sha256").hexdigest()
    before = await contents(database)
    for wrong in (None, "", "0" * 64, hmac.new(added.identity_secret.encode(), b"u-2", "sha256").hexdigest()):
        with pytest.raises(IdentityError):
            await enter(service, added.site, external_id="u-1", proof=wrong)
    assert await contents(database) == before
    await enter(service, added.site, external_id="u-1", proof=proof)
    page = await get_subscribers(scope, service, added.site.id, external_id="u-1", after=-1, limit=9)
    assert len(page.items) == 1


async def test_a_site_may_believe_anybody(scope, service):
    added = await make_site(scope, service, open_identity=True)
    assert await enter(service, added.site, external_id="u-1")


async def test_two_tabs_at_once_make_one_subscriber(scope, service, site):
    given = subscription()
    entered = await asyncio.gather(*(enter(service, site, given) for _ in range(6)))
    assert len({each.number for each in entered}) == 1
    assert (await count_by_status(scope, service, site.id))[SubscriberStatus.ACTIVE] == 1


@contextlib.asynccontextmanager
async def imported_meanwhile(database, scope, service, site, said):
    """Import a subscriber; end the transaction once what was begun in the block waits for that."""
    waiting = """
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
    """
    async with database.connection() as beside, database.transaction() as connection:
        inside = service.within(connection)
        await import_lines(scope, inside, site.id, [said], vapid_key=site.vapid_key, now=NOW)
        yield
        await until_told(lambda: beside.fetchval(waiting), "the browser waits for the import")


async def test_a_browser_that_subscribes_while_it_is_imported_is_there_once(database, scope, service, site):
    given = subscription()
    said = ImportLine(1, read_subscription(service.endpoints, given), Profile())
    async with asyncio.TaskGroup() as group, imported_meanwhile(database, scope, service, site, said):
        entering = group.create_task(enter(service, site, given, tags=("a",)))
    page = await get_subscribers(scope, service, site.id, after=-1, limit=9)
    assert [(each.id, each.profile.tags) for each in page.items] == [(entering.result().number, ("a",))]
    assert (await count_by_status(scope, service, site.id))[SubscriberStatus.ACTIVE] == 1


async def test_a_hwid_that_is_imported_meanwhile_is_somebody_else_s(database, scope, service, site):
    said = ImportLine(1, read_subscription(service.endpoints, subscription("b")), Profile(hwid="h"))
    async with imported_meanwhile(database, scope, service, site, said):
        entering = asyncio.create_task(enter(service, site, hwid="h"))
    with pytest.raises(ConflictError):
        await entering
    assert (await count_by_status(scope, service, site.id))[SubscriberStatus.ACTIVE] == 1


async def test_what_is_wrong_is_named_and_nothing_is_kept(database, service, site):
    before = await contents(database)
    for fields, field in [
        (
            {"given": {"endpoint": "https://evil.example/x", "keys": subscription()["keys"]}},
            "subscription.endpoint",
        ),
        ({"attributes": {"t": 1}}, "attributes.t"),
        ({"zone": "Mars"}, "zone"),
    ]:
        with pytest.raises(InvalidError) as raised:
            await enter(service, site, **fields)
        assert [each.field for each in raised.value.problems] == [field]
    with pytest.raises(NotFoundError):
        await subscribe(service, site.id + 1, Subscribing(subscription=subscription()), NOW)
    with pytest.raises(NotFoundError):
        await unsubscribe(service, site.id, "x" * 34, NOW)
    assert await contents(database) == before


async def test_what_browser_and_customer_say_at_once_is_both_kept(scope, service, site):
    given = subscription()
    number = (await enter(service, site, given)).number
    for turn in range(10):
        name = f"a{turn}"
        await asyncio.gather(
            enter(service, site, given, attributes={name: 1}),
            edit_subscriber(scope, service, number, SubscriberChanges(tags=(name,)), NOW),
        )
        profile = (await get_subscriber(scope, service, number)).profile
        assert (profile.tags, profile.attributes[name]) == ((name,), 1)


async def test_what_is_known_and_what_is_said_together_is_bounded(scope, service, site):
    given = subscription()
    number = (await enter(service, site, given, attributes={"a": "x" * 5000})).number
    with pytest.raises(InvalidError, match="8,192"):
        await enter(service, site, given, attributes={"b": "x" * 5000})
    assert [*(await get_subscriber(scope, service, number)).profile.attributes] == ["a"]


# ── customers ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_customer_changes_what_is_known(scope, service, site):
    number = (
        await enter(service, site, tags=("a",), attributes={"plan": "gold", "orders": 1}, language="de")
    ).number
    changes = SubscriberChanges(
        tags=("b",), attributes={"plan": None, "city": "Köln"}, external_id="u-1", language=None
    )
    changed = await edit_subscriber(scope, service, number, changes, LATER)
    assert await get_subscriber(scope, service, number) == changed
    profile = changed.profile
    assert (profile.tags, profile.attributes) == (("b",), {"orders": 1, "city": "Köln"})
    assert (profile.external_id, profile.language, profile.zone) == ("u-1", None, None)
    with pytest.raises(InvalidError) as raised:
        await edit_subscriber(scope, service, number, SubscriberChanges(tags=("",)), LATER)
    assert [each.field for each in raised.value.problems] == ["tags[0]"]


async def test_subscribers_are_listed_by_status_tag_and_user(scope, service):
    site = (await make_site(scope, service, open_identity=True)).site
    a = await enter(service, site, subscription("a"), tags=("x",), external_id="u")
    b = await enter(service, site, subscription("b"), external_id="u")
    c = await enter(service, site, subscription("c"), tags=("x",))
    await unsubscribe(service, site.id, c.token, NOW)

    async def listed(**wanted):
        page = await get_subscribers(scope, service, site.id, after=-1, limit=9, **wanted)
        return {each.id for each in page.items}

    assert await listed() == {a.number, b.number, c.number}
    assert await listed(status=SubscriberStatus.ACTIVE) == {a.number, b.number}
    assert await listed(tag="x") == {a.number, c.number}
    assert await listed(external_id="u") == {a.number, b.number}
    assert await listed(external_id="u", tag="x", status=SubscriberStatus.ACTIVE) == {a.number}
    first = await get_subscribers(scope, service, site.id, after=-1, limit=2)
    second = await get_subscribers(scope, service, site.id, after=first.next, limit=2)
    assert len(first.items) == 2
    assert ({each.id for each in (*first.items, *second.items)}, second.next) == (await listed(), None)


async def test_what_nobody_can_have_is_not_looked_for(scope, service, site):
    for wanted in ({"tag": "a\0"}, {"external_id": "\0"}, {"external_id": ""}, {"tag": "x" * 256}):
        with pytest.raises(InvalidError) as raised:
            await get_subscribers(scope, service, site.id, after=-1, limit=9, **wanted)
        assert [each.field for each in raised.value.problems] == [*wanted]
    with pytest.raises(InvalidError):
        await erase_user(scope, service, site.id, "\0")


async def test_a_user_is_erased_with_all_browsers(scope, service):
    site = (await make_site(scope, service, open_identity=True)).site
    numbers = {(await enter(service, site, subscription(n), external_id="u")).number for n in "ab"}
    other = (await enter(service, site, subscription("c"))).number
    assert {*await erase_user(scope, service, site.id, "u")} == numbers
    await delete_subscriber(scope, service, other)
    assert (await get_subscribers(scope, service, site.id, after=-1, limit=9)).items == []
    assert (await count_by_status(scope, service, site.id))[SubscriberStatus.ACTIVE] == 0
    assert await enter(service, site, subscription("a"))
