"""Every operation, called with ids of another account, and of another site than the credential's."""

import inspect
import pkgutil
from importlib import import_module

import msgspec
import pytest

from campaigns import operations
from campaigns.model.attribute import Type
from campaigns.model.campaign_filter import CampaignFilter
from campaigns.model.ids import Kind, LaunchId
from campaigns.model.problems import NotFoundError
from campaigns.model.scope import Scope
from campaigns.model.target import Everyone, Tagged
from campaigns.operations.aliases import take_over
from campaigns.operations.announcing import announce_attribute
from campaigns.operations.audience import few_members
from campaigns.operations.campaign_lists import find_campaigns
from campaigns.operations.campaign_removal import remove_campaign
from campaigns.operations.campaigns import (
    CampaignChanges,
    CampaignDraft,
    cancel_campaign,
    copy_campaign,
    create_campaign,
    edit_campaign,
    get_campaign,
    get_campaigns,
    launch_campaign,
    pause_campaign,
    resume_campaign,
)
from campaigns.operations.creating import create_and_launch, create_and_launch_all, sending_to
from campaigns.operations.credentials import CredentialDraft, create_credential, delete_credential
from campaigns.operations.devices import find_devices
from campaigns.operations.importing import export_page, import_lines
from campaigns.operations.listing import Window, all_campaigns, all_subscribers, count_all_campaigns
from campaigns.operations.revising import pause_running, revise_campaign
from campaigns.operations.searching import any_of, find_subscribers
from campaigns.operations.segments import (
    SegmentChanges,
    create_segment,
    edit_segment,
    get_attributes,
    get_segment,
    get_segment_named,
    get_segments,
    preview_segment,
    remove_segment,
)
from campaigns.operations.sending import SendDraft, send, send_test
from campaigns.operations.site_removal import contents_of, erase_some, remove_site
from campaigns.operations.sites import SiteChanges, defaults_of, edit_site, get_identity_secret, get_site
from campaigns.operations.statistics import campaign_statistics, launch_statistics
from campaigns.operations.steering import (
    cancel_unsent,
    check_recurrence,
    create_for,
    discard_campaign,
    edit_as_it_is,
    launch_named,
    launch_or_resume,
    pause_recurring,
)
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
)
from campaigns.operations.switching import switch_subscriber
from campaigns.operations.templates import (
    TemplateChanges,
    create_template,
    edit_template,
    get_template,
    get_templates,
    remove_template,
)
from campaigns.operations.withdrawing import withdraw_campaign
from tests.campaigns.operations.support import (
    HELLO,
    LATER,
    NOW,
    contents,
    make_account,
    make_site,
    subscription,
)
from tests.campaigns.operations.test_segments import NEWS

DRAFT = CampaignDraft(name="x", content=HELLO, target=Everyone())

CALLS = {
    get_site: lambda a: (a.site,),
    get_identity_secret: lambda a: (a.site,),
    take_over: lambda a: (Kind.SITE, a.site, []),
    edit_site: lambda a: (a.site, SiteChanges(name="x")),
    contents_of: lambda a: (a.site,),
    erase_some: lambda a: (a.site,),
    remove_site: lambda a: (a.site,),
    create_credential: lambda a: (CredentialDraft(scopes=("read",), site=a.site),),
    delete_credential: lambda a: (a.credential,),
    get_subscriber: lambda a: (a.subscriber,),
    edit_subscriber: lambda a: (a.subscriber, SubscriberChanges(tags=("x",)), LATER),
    delete_subscriber: lambda a: (a.subscriber,),
    erase_user: lambda a: (a.site, "u"),
    count_by_status: lambda a: (a.site,),
    export_page: lambda a: (a.site, -1),
    all_subscribers: lambda a: (a.site, Window(0, 9)),
    create_segment: lambda a: (a.site, "x", NEWS),
    get_segment: lambda a: (a.segment,),
    get_segment_named: lambda a: (a.site, "News"),
    get_segments: lambda a: (a.site, 0, 9),
    edit_segment: lambda a: (a.segment, SegmentChanges(name="x"), LATER),
    remove_segment: lambda a: (a.segment,),
    preview_segment: lambda a: (a.site, NEWS),
    get_attributes: lambda a: (a.site,),
    create_template: lambda a: (a.site, "x", HELLO),
    get_template: lambda a: (a.template,),
    get_templates: lambda a: (a.site, 0, 9),
    edit_template: lambda a: (a.template, TemplateChanges(name="x"), LATER),
    remove_template: lambda a: (a.template,),
    create_campaign: lambda a: (a.site, DRAFT, NOW),
    create_and_launch: lambda a: (a.site, DRAFT, NOW),
    create_and_launch_all: lambda a: (a.site, [DRAFT], NOW),
    announce_attribute: lambda a: (a.site, "x", Type.TEXT),
    count_all_campaigns: lambda a: (a.site,),
    find_devices: lambda a: (a.site, ["w-1"]),
    withdraw_campaign: lambda a: (a.launched, NOW),
    sending_to: lambda a: (a.site,),
    any_of: lambda a: (a.site, [Tagged(("x",))]),
    pause_running: lambda a: (a.launched, NOW),
    revise_campaign: lambda a: (a.campaign, lambda _site, _old: CampaignChanges(name="x"), NOW),
    get_campaign: lambda a: (a.campaign,),
    edit_campaign: lambda a: (a.campaign, CampaignChanges(name="x"), LATER),
    copy_campaign: lambda a: (a.campaign, NOW),
    remove_campaign: lambda a: (a.campaign,),
    launch_campaign: lambda a: (a.campaign, NOW),
    pause_campaign: lambda a: (a.launched, NOW),
    resume_campaign: lambda a: (a.launched, NOW),
    create_for: lambda a: (a.site, lambda _site: DRAFT, NOW),
    launch_named: lambda a: (a.site, lambda _site: DRAFT, NOW),
    edit_as_it_is: lambda a: (a.campaign, lambda _site, _campaign: CampaignChanges(name="x"), LATER),
    launch_or_resume: lambda a: (a.campaign, NOW),
    pause_recurring: lambda a: (a.launched, NOW),
    cancel_unsent: lambda a: (a.launched, NOW),
    discard_campaign: lambda a: (a.campaign, NOW),
    defaults_of: lambda a: (a.site,),
    cancel_campaign: lambda a: (a.launched, NOW),
    send: lambda a: (a.site, SendDraft(content=HELLO, target=Everyone()), NOW),
    send_test: lambda a: (a.campaign, Everyone(), NOW),
    campaign_statistics: lambda a: (a.launched,),
    launch_statistics: lambda a: (a.launch,),
}
"""By operation, its arguments after scope and service, with the ids of `Account`."""

WITH_NAMES = {
    find_campaigns: lambda a: ((CampaignFilter(site=a.site),), {"offset": 0, "limit": 9}),
    check_recurrence: lambda a: ((a.campaign,), {"recurs": False}),
    get_subscribers: lambda a: ((a.site,), {"after": -1, "limit": 9}),
    get_campaigns: lambda a: ((a.site,), {"limit": 9}),
    find_subscribers: lambda a: ((a.site,), {"limit": 9}),
    all_campaigns: lambda a: ((Window(0, 9),), {"site": a.site}),
    switch_subscriber: lambda a: ((a.subscriber, LATER), {"on": False}),
    import_lines: lambda a: ((a.site, []), {"vapid_key": "x", "now": NOW}),
}
NAMES_NOTHING = {
    *("create_site", "onboard", "get_sites", "get_credentials", "one_site"),
    "keep_picture",
    *("all_sites", "count_all_sites", "account_zone"),
    *("resolve", "spellings"),  # say what a text and a number are, not whether there is such a thing
}
"""Operations without an id: their own tests show whose things they return."""


class Account(msgspec.Struct):
    """The numbers of an account's things."""

    scope: Scope
    site: int
    credential: int
    subscriber: int
    segment: int
    template: int
    campaign: int
    launched: int
    launch: LaunchId


@pytest.fixture
async def account(scope, service, site):
    credential = (await create_credential(scope, service, CredentialDraft(scopes=("read",)))).credential
    entered = await subscribe(service, site.id, Subscribing(subscription=subscription()), NOW)
    segment = await create_segment(scope, service, site.id, "News", NEWS)
    template = await create_template(scope, service, site.id, "Hello", HELLO)
    campaign = (await create_campaign(scope, service, site.id, DRAFT, NOW)).campaign
    launched = (await create_campaign(scope, service, site.id, DRAFT, NOW)).campaign
    [launch] = (await launch_campaign(scope, service, launched.id, NOW)).launches
    return Account(
        scope=scope,
        site=site.id,
        credential=credential.id,
        subscriber=entered.number,
        segment=segment.id,
        template=template.id,
        campaign=campaign.id,
        launched=launched.id,
        launch=LaunchId(launch.id, launch.nonce),
    )


async def call(operation, scope, service, account):
    if operation in WITH_NAMES:
        args, names = WITH_NAMES[operation](account)
        return await operation(scope, service, *args, **names)
    return await operation(scope, service, *CALLS[operation](account))


async def test_another_accounts_ids_are_not_there(database, service, account):
    other = await make_account(database)
    await make_site(other, service)
    before = await contents(database)
    for operation in (*CALLS, *WITH_NAMES):
        with pytest.raises(NotFoundError):
            await call(operation, other, service, account)
        assert await contents(database) == before, operation


async def test_nor_are_those_of_another_site_than_the_credentials(database, service, account):
    sibling = (await make_site(account.scope, service)).site
    other = msgspec.structs.replace(account.scope, site=sibling.id)
    before = await contents(database)
    for operation in (*CALLS, *WITH_NAMES):
        with pytest.raises(NotFoundError):
            await call(operation, other, service, account)
        assert await contents(database) == before, operation


async def test_another_accounts_segment_and_template_are_no_part_of_a_campaign(database, service, account):
    other = await make_account(database)
    own = (await make_site(other, service)).site
    before = await contents(database)
    for draft in (
        CampaignDraft(name="x", target=Everyone(), template=account.template),
        CampaignDraft(name="x", target=Everyone(), template=2**39),
    ):
        with pytest.raises(NotFoundError):
            await create_campaign(other, service, own.id, draft, NOW)
    with pytest.raises(NotFoundError):
        await copy_campaign(other, service, account.campaign, NOW, site=own.id)
    with pytest.raises(NotFoundError):
        await copy_campaign(account.scope, service, account.campaign, NOW, site=own.id)
    assert await contents(database) == before


async def test_another_sites_subscribers_are_no_part_of_a_target(database, service, account):
    other = await make_account(database)
    own = (await make_site(other, service)).site
    async with database.transaction() as connection:
        assert await few_members(connection, own.id, Everyone()) == []


def test_every_operation_is_called_here():
    modules = [
        import_module(f"campaigns.operations.{each.name}")
        for each in pkgutil.iter_modules(operations.__path__)
    ]
    found = {
        name
        for module in modules
        for name, value in vars(module).items()
        if inspect.iscoroutinefunction(value)
        and value.__module__ == module.__name__
        and [*inspect.signature(value).parameters][:2] == ["scope", "service"]
    }
    called = {operation.__name__ for operation in (*CALLS, *WITH_NAMES)}
    assert found == called | NAMES_NOTHING
