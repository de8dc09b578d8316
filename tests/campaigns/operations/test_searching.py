"""Subscribers found by several things at once, and several kinds of targets as one."""

import pytest

from campaigns.model.problems import InvalidError
from campaigns.model.subscriber import Profile, SubscriberStatus
from campaigns.model.target import NAMED_MAX, ExternalIds, Subscribers, Tagged
from campaigns.operations.searching import any_of, find_subscribers
from campaigns.operations.subscribers import Subscribing, subscribe
from campaigns.operations.switching import switch_subscriber
from tests.campaigns.operations.support import LATER, NOW, make_site, subscription

ACTIVE, OFF = SubscriberStatus.ACTIVE, SubscriberStatus.OFF


@pytest.fixture
async def site(scope, service):
    """A site that believes who says it is a user."""
    return (await make_site(scope, service, open_identity=True)).site


@pytest.fixture
async def people(scope, service, site):
    """Numbers of three: two of one user, the last of whom is switched off."""
    profiles = (
        Profile(external_id="u", tags=("gold",)),
        Profile(external_id="u", tags=("silver", "new")),
        Profile(tags=("new",)),
    )
    numbers = [
        (
            await subscribe(
                service, site.id, Subscribing(subscription=subscription(str(n)), profile=profile), NOW
            )
        ).number
        for n, profile in enumerate(profiles)
    ]
    await switch_subscriber(scope, service, numbers[2], LATER, on=False)
    return numbers


@pytest.mark.parametrize(
    "wanted",
    [
        ({}, {0, 1, 2}),
        ({"statuses": [ACTIVE]}, {0, 1}),
        ({"statuses": [OFF, SubscriberStatus.EXPIRED]}, {2}),
        ({"tags": ["gold", "new"]}, {0, 1, 2}),
        ({"tags": ["new"], "statuses": [ACTIVE]}, {1}),
        ({"tags": []}, set()),
        ({"external_id": "u"}, {0, 1}),
        ({"external_id": "u", "tags": ["gold"], "statuses": [ACTIVE]}, {0}),
    ],
)
async def test_all_that_is_asked_for_must_hold(scope, service, site, people, wanted):
    fields, found = wanted
    page = await find_subscribers(scope, service, site.id, limit=9, **fields)
    assert {people.index(each.id) for each in page.items} == found
    assert page.next is None


async def test_a_page_follows_another(scope, service, site, people):
    first = await find_subscribers(scope, service, site.id, limit=2)
    rest = await find_subscribers(scope, service, site.id, after=first.next, limit=2)
    assert [each.id for each in (*first.items, *rest.items)] == sorted(people)


async def test_whoever_is_in_any_is_meant_once(scope, service, site, people):
    named, user, gold = Subscribers((people[1], people[2])), ExternalIds(("u",)), Tagged(("gold",))
    assert await any_of(scope, service, site.id, [gold]) == gold
    both = await any_of(scope, service, site.id, [named, user, gold])
    assert isinstance(both, Subscribers)
    assert sorted(both.numbers) == sorted(people[:2]), "who is switched off is not"
    nobody = Tagged(("none",))
    assert await any_of(scope, service, site.id, [nobody, ExternalIds(("x",))]) == nobody


async def test_too_many_together_are_refused(database, scope, service, site):
    many = """
        INSERT INTO subscriber (id, site, status, tags)
        SELECT n, $1, 'active', ARRAY['gold'] FROM generate_series(1, $2::integer) AS n
    """
    async with database.connection() as connection:
        await connection.execute(many, site.id, NAMED_MAX + 1)
    with pytest.raises(InvalidError):
        await any_of(scope, service, site.id, [Tagged(("gold",)), ExternalIds(("u",))])
