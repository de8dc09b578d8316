"""Campaigns that one request changes and steers."""

import pytest

from campaigns.model.campaign import CampaignStatus, Plan
from campaigns.model.problems import ConflictError, InvalidError, StatusError
from campaigns.model.target import Everyone
from campaigns.operations.campaigns import (
    CampaignChanges,
    CampaignDraft,
    create_campaign,
    get_campaign,
    launch_campaign,
)
from campaigns.operations.revising import pause_running, revise_campaign
from tests.campaigns.operations.support import HELLO, LATER, NOW

DRAFT = CampaignDraft(name="x", content=HELLO, target=Everyone())
S = CampaignStatus


@pytest.fixture
async def campaign(scope, service, site):
    return (await create_campaign(scope, service, site.id, DRAFT, NOW)).campaign.id


async def revise(scope, service, number, become=None, **changes):
    view = await revise_campaign(
        scope, service, number, lambda _site, _old: CampaignChanges(**changes), NOW, become=become
    )
    return view.campaign


async def test_changes_see_what_is(scope, service, site, campaign):
    def longer(where, old):
        assert where == site
        return CampaignChanges(name=old.name * 2)

    assert (await revise_campaign(scope, service, campaign, longer, NOW)).campaign.name == "xx"
    assert (await revise(scope, service, campaign)).name == "xx", "nothing changes nothing"


async def test_a_draft_that_gets_a_start_waits_for_it(scope, service, campaign):
    planned = await revise(scope, service, campaign, plan={"start_at": LATER})
    assert (planned.status, planned.plan) == (S.SCHEDULED, Plan(start_at=LATER))
    draft = await revise(scope, service, campaign, S.DRAFT)
    assert (draft.status, draft.plan.start_at) == (S.DRAFT, None)
    assert (await revise(scope, service, campaign, S.CANCELLED, name="y")).status is S.CANCELLED


async def test_all_of_it_is_done_or_nothing(scope, service, campaign):
    with pytest.raises(StatusError):
        await revise(scope, service, campaign, S.PAUSED, name="y")
    assert (await get_campaign(scope, service, campaign)).campaign.name == "x"
    with pytest.raises(InvalidError):
        await revise(scope, service, campaign, S.CANCELLED, name="")
    assert (await get_campaign(scope, service, campaign)).campaign.status is S.DRAFT


async def test_only_what_has_begun_is_paused(scope, service, campaign):
    with pytest.raises(StatusError):
        await pause_running(scope, service, campaign, NOW)
    await launch_campaign(scope, service, campaign, NOW)
    with pytest.raises(ConflictError):
        await revise(scope, service, campaign, name="y")
    view = await pause_running(scope, service, campaign, NOW)
    assert (view.campaign.status, len(view.launches)) == (S.PAUSED, 1)
