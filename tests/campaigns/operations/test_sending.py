import msgspec
import pytest

from campaigns.model.campaign import CampaignStatus, Plan
from campaigns.model.ids import LaunchId
from campaigns.model.launch import LaunchState
from campaigns.model.problems import InvalidError
from campaigns.model.target import Everyone, ExternalIds, InSegment, Meeting, Subscribers, Tagged
from campaigns.operations.campaigns import CampaignDraft, create_campaign, get_campaign
from campaigns.operations.segments import create_segment
from campaigns.operations.sending import SendDraft, send, send_test
from campaigns.operations.statistics import launch_statistics
from tests.campaigns.operations.support import HELLO, NOW, contents
from tests.campaigns.operations.test_segments import NEWS
from tests.campaigns.store.support import make_subscriber

FILL = """
INSERT INTO subscriber (id, site, status)
SELECT number, $1, 'active' FROM generate_series(100, $2 + 99) AS number
"""


@pytest.fixture
async def people(database, site):
    async with database.transaction() as connection:
        for number in range(12):
            profile = {"tags": ("news",) if number % 2 else (), "external_id": f"u-{number % 3}"}
            await make_subscriber(connection, site.id, number, profile=profile)


async def outbox(database):
    async with database.connection() as connection:
        return [
            tuple(row)
            for row in await connection.fetch("SELECT launch, subscriber, urgent FROM outbox ORDER BY id")
        ]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Subscribers((3, 1, 99)), [1, 3]),
        (ExternalIds(("u-0",)), [0, 3, 6, 9]),
        (Tagged(("news", "vip")), [1, 3, 5, 7, 9, 11]),
        (Meeting(NEWS), [1, 3, 5, 7, 9, 11]),
        (Everyone(), [*range(12)]),
    ],
)
@pytest.mark.usefixtures("people")
async def test_a_small_send_goes_to_its_target_at_once(database, scope, service, site, *, target, expected):
    sent = await send(
        scope, service, site.id, SendDraft(content=HELLO, target=target, plan=Plan(ttl=60)), NOW
    )
    launch = sent.launch
    assert sent.targeted == launch.targeted == len(expected)
    assert (launch.campaign, launch.state, launch.ttl, launch.start_at) == (
        None,
        LaunchState.WRITTEN,
        60,
        NOW,
    )
    assert await outbox(database) == [(launch.id, number, len(expected) <= 10) for number in expected]


@pytest.mark.usefixtures("people")
async def test_a_segment_is_resolved(database, scope, service, site):
    segment = await create_segment(scope, service, site.id, "News", NEWS)
    sent = await send(scope, service, site.id, SendDraft(content=HELLO, target=InSegment(segment.id)), NOW)
    assert (sent.launch.target, sent.targeted) == (Meeting(NEWS), 6)


async def test_more_than_a_thousand_are_a_campaign(database, scope, service, site):
    async with database.transaction() as connection:
        await connection.execute(FILL, site.id, 1_000)
    assert (
        await send(scope, service, site.id, SendDraft(content=HELLO, target=Everyone()), NOW)
    ).targeted == 1_000
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM subscriber")
        await connection.execute(FILL, site.id, 1_001)
    before = await contents(database)
    with pytest.raises(InvalidError, match="make a campaign"):
        await send(scope, service, site.id, SendDraft(content=HELLO, target=Everyone()), NOW)
    assert await contents(database) == before


async def test_what_cannot_be_sent_is_refused_by_field(database, scope, service, site):
    before = await contents(database)
    for fields, field in [
        ({"content": {**HELLO, "url": "x"}}, "content.url"),
        ({"target": InSegment(7)}, "target.segment"),
        ({"plan": Plan(ttl=-1)}, "ttl"),
    ]:
        draft = msgspec.structs.replace(SendDraft(content=HELLO, target=Everyone()), **fields)
        with pytest.raises(InvalidError) as raised:
            await send(scope, service, site.id, draft, NOW)
        assert [each.field for each in raised.value.problems] == [field]
    assert await contents(database) == before


@pytest.mark.usefixtures("people")
async def test_a_test_of_a_campaign_is_not_the_campaigns(scope, service, site):
    draft = CampaignDraft(name="Sale", content=HELLO, target=Everyone(), plan=Plan(ttl=60, stretch_time=3600))
    campaign = (await create_campaign(scope, service, site.id, draft, NOW)).campaign
    sent = await send_test(scope, service, campaign.id, Subscribers((1,)), NOW)
    assert sent.launch.content.url == f"https://shop.example/?c=camp_{campaign.id}"
    assert (sent.launch.campaign, sent.launch.ttl, sent.launch.stretch_time) == (None, 60, 0)
    view = await get_campaign(scope, service, campaign.id)
    assert (view.campaign.status, view.launches) == (CampaignStatus.DRAFT, [])
    found = await launch_statistics(scope, service, LaunchId(sent.launch.id, sent.launch.nonce))
    assert (found.targeted, found.written) == (1, 0)
