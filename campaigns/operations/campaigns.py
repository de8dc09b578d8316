"""Campaigns: made, changed, launched, paused, resumed, cancelled, copied."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from campaigns.model import campaign as model
from campaigns.model.campaign import Action, Campaign, CampaignStatus, NewCampaign, Plan, Step
from campaigns.model.campaign_changes import copied, edit
from campaigns.model.launch import Launch
from campaigns.model.plan_problems import plan_problems, schedule_problems
from campaigns.model.problems import invalid, reject
from campaigns.model.recurrence import Recurrence
from campaigns.model.scope import Permission, Scope
from campaigns.model.site import Site, TrackClicks
from campaigns.model.target import Target
from campaigns.model.texts import name_problems
from campaigns.operations.audience import check_target
from campaigns.operations.checking import checked, checked_translations
from campaigns.operations.finding import the_campaign, the_site, the_template
from campaigns.operations.launching import take
from campaigns.operations.service import Page, Service, page_of
from campaigns.store.campaigns import (
    add_campaign,
    list_campaigns,
    replace_campaign,
)
from campaigns.store.database import Connection
from campaigns.store.launches import launches_of, open_launches


class CampaignDraft(Struct, frozen=True, kw_only=True):
    """A campaign that is to be made.

    Attributes:
        name: For people.
        target: Whom it is for.
        content: A notification as JSON, decoded; or else the next one. None: it is given later.
        template: The number of a template whose content is copied.
        plan: When.
        recurrence: When again and again; None: once.
        track_clicks: How clicks are counted; None: as the site does by default.
        translations: Content for single languages, by tag in lower case.
        adapter: In whose words it is made.
        options: What only its adapter asks of it.
    """

    name: str
    target: Target
    content: object | UnsetType = UNSET
    template: int | None = None
    plan: Plan = Plan()
    recurrence: Recurrence | None = None
    track_clicks: TrackClicks | None = None
    translations: dict[str, object] = {}
    adapter: str = "own"
    options: dict[str, Any] = {}


class CampaignChanges(Struct, frozen=True, kw_only=True):
    """What is to be different about a campaign; content is JSON, decoded, and `plan` fields by name."""

    name: str | UnsetType = UNSET
    target: Target | UnsetType = UNSET
    content: object | UnsetType = UNSET
    plan: dict[str, Any] | UnsetType = UNSET
    recurrence: Recurrence | UnsetType | None = UNSET
    track_clicks: TrackClicks | UnsetType = UNSET
    options: dict[str, Any] | UnsetType = UNSET


class CampaignView(Struct, frozen=True):
    """A campaign and its launches, the oldest first."""

    campaign: Campaign
    launches: list[Launch]


# ── making and changing ─────────────────────────────────────────────────────────────────────────────────────


async def create_campaign(
    scope: Scope, service: Service, site_number: int, draft: CampaignDraft, now: datetime
) -> CampaignView:
    """Make a campaign, as a draft.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site, or no such template of it.
        InvalidError: Something about it is wrong, or its content cannot be sent.
    """
    scope.require(Permission.SEND)
    _check_words(service, draft.name, draft.plan, draft.recurrence, now)
    async with service.begin() as connection:
        site = await the_site(connection, scope, site_number)
        await check_target(connection, scope, site.id, draft.target)
        track_clicks = draft.track_clicks or site.defaults.track_clicks
        tree = await _content(connection, scope, site, draft)
        new = NewCampaign(
            name=draft.name,
            content=model.unfinished(site.url)
            if tree is None
            else await checked(connection, service, site, tree, track_clicks),
            target=draft.target,
            plan=draft.plan,
            template=draft.template,
            track_clicks=track_clicks,
            recurrence=draft.recurrence,
            translations=await checked_translations(
                connection, service, site, draft.translations, track_clicks
            ),
            adapter=draft.adapter,
            options=draft.options,
        )
        return CampaignView(await add_campaign(connection, site.id, new), [])


def _check_words(
    service: Service, name: str, plan: Plan, recurrence: Recurrence | None, now: datetime
) -> None:
    reject((*name_problems(name), *schedule_problems(plan, recurrence, service.zones, now)))


async def _content(connection: Connection, scope: Scope, site: Site, draft: CampaignDraft) -> object:
    if (draft.content is UNSET) == (draft.template is None):
        raise invalid("content", "must be given, or template in its place")
    if draft.template is None:
        return draft.content
    template = await the_template(connection, scope, draft.template)
    if template.site != site.id:
        raise invalid("template", "is no template of this site")
    return msgspec.to_builtins(template.content)


async def get_campaign(scope: Scope, service: Service, number: int) -> CampaignView:
    """Return a campaign.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
    """
    scope.require(Permission.READ)
    async with service.begin() as connection:
        return await _view(connection, await the_campaign(connection, scope, number))


async def _view(connection: Connection, campaign: Campaign) -> CampaignView:
    return CampaignView(campaign, await launches_of(connection, campaign.id, campaign.site))


async def get_campaigns(
    scope: Scope,
    service: Service,
    site: int,
    *,
    status: CampaignStatus | None = None,
    before: int | None = None,
    limit: int,
) -> Page[CampaignView]:
    """List a site's campaigns, the newest first.

    Args:
        scope: Who asks.
        service: What operations need.
        site: Whose they are.
        status: Only those in this one.
        before: Begin below this number; None for the newest.
        limit: At most so many.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site.
    """
    scope.require(Permission.READ)
    async with service.begin() as connection:
        await the_site(connection, scope, site)
        found = await list_campaigns(connection, site, status=status, before=before, limit=limit + 1)
        views = [await _view(connection, each) for each in found]
    return page_of(views, limit, lambda each: each.campaign.id)


async def edit_campaign(
    scope: Scope, service: Service, number: int, changes: CampaignChanges, now: datetime
) -> CampaignView:
    """Change a campaign that is not launched yet, or that recurs.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
        ConflictError: It is launched, or has ended, or would recur no more.
        InvalidError: Something about it would be wrong.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        old = await the_campaign(connection, scope, number, to_change=True)
        model.require(old, Action.EDIT)
        site = await the_site(connection, scope, old.site)
        fields = _plain(old, changes)
        _check_words(
            service,
            fields.get("name", old.name),
            fields.get("plan", old.plan),
            fields.get("recurrence", old.recurrence),
            now,
        )
        if changes.target is not UNSET:
            await check_target(connection, scope, site.id, changes.target)
        is_rechecked = changes.track_clicks is not UNSET and model.is_finished(old.content)
        if changes.content is not UNSET or is_rechecked:
            tree = msgspec.to_builtins(old.content) if changes.content is UNSET else changes.content
            track_clicks = fields.get("track_clicks", old.track_clicks)
            fields["content"] = await checked(connection, service, site, tree, track_clicks)
            fields["translations"] = await checked_translations(
                connection, service, site, old.translations, track_clicks
            )
        new = edit(old, now, **fields)
        await replace_campaign(connection, new)
        return await _view(connection, new)


def _plain(old: Campaign, changes: CampaignChanges) -> dict[str, Any]:
    """Return the fields that change as they are given, a plan's among them."""
    names = ("name", "target", "recurrence", "track_clicks", "options")
    fields = {name: getattr(changes, name) for name in names if getattr(changes, name) is not UNSET}
    if changes.plan is not UNSET:
        fields["plan"] = msgspec.structs.replace(old.plan, **changes.plan)
    return fields


async def copy_campaign(
    scope: Scope, service: Service, number: int, now: datetime, *, site: int | None = None
) -> CampaignView:
    """Make a draft like another campaign.

    Args:
        scope: Who asks.
        service: What operations need.
        number: The original.
        now: The moment.
        site: Whose the copy is to be; None: the original's.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such campaign or site.
        InvalidError: Its content cannot be sent to the site's subscribers, or its segment is another site's.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        original = await the_campaign(connection, scope, number)
        where = await the_site(connection, scope, site or original.site)
        await check_target(connection, scope, where.id, original.target)
        copy = await _rechecked(connection, service, where, copied(original, now))
        return CampaignView(await add_campaign(connection, where.id, copy), [])


async def _rechecked(connection: Connection, service: Service, site: Site, copy: NewCampaign) -> NewCampaign:
    """Return a copy whose content can be sent to a site's subscribers, with the site's own pictures."""
    if not model.is_finished(copy.content):
        return copy
    tree, tracked = msgspec.to_builtins(copy.content), copy.track_clicks
    return msgspec.structs.replace(
        copy,
        content=await checked(connection, service, site, tree, tracked),
        translations=await checked_translations(connection, service, site, copy.translations, tracked),
    )


# ── launching and what follows ──────────────────────────────────────────────────────────────────────────────


async def launch_campaign(scope: Scope, service: Service, number: int, now: datetime) -> CampaignView:
    """Launch a campaign: at once, or when its time comes.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
        ConflictError: It is launched already, or its segment is gone.
        InvalidError: It would end before its last recipient is due.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        campaign = await the_campaign(connection, scope, number, to_change=True)
        model.require(campaign, Action.LAUNCH)
        reject(plan_problems(campaign.plan, now))
        return await _taken(connection, scope, service, model.launch(campaign, now), now)


async def pause_campaign(scope: Scope, service: Service, number: int, now: datetime) -> CampaignView:
    """Stop a campaign until it is resumed, within seconds.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
        ConflictError: It neither waits nor runs.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        campaign = await the_campaign(connection, scope, number, to_change=True)
        return await _taken(connection, scope, service, model.pause(campaign, now), now)


async def resume_campaign(scope: Scope, service: Service, number: int, now: datetime) -> CampaignView:
    """Let a paused campaign go on where it was.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
        ConflictError: It is not paused.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        campaign = await the_campaign(connection, scope, number, to_change=True)
        open_ones = await open_launches(connection, campaign.id, campaign.site)
        step = model.resume(
            campaign,
            now,
            launches=len(await launches_of(connection, campaign.id, campaign.site)),
            open_launches=len(open_ones),
            written=sum(launch.written for launch in open_ones),
        )
        return await _taken(connection, scope, service, step, now)


async def cancel_campaign(scope: Scope, service: Service, number: int, now: datetime) -> CampaignView:
    """Stop a campaign for good, within seconds.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
        ConflictError: It has ended already.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        campaign = await the_campaign(connection, scope, number, to_change=True)
        return await _taken(connection, scope, service, model.cancel(campaign, now), now)


async def _taken(
    connection: Connection, scope: Scope, service: Service, step: Step, now: datetime
) -> CampaignView:
    return await _view(connection, await take(connection, scope, service, step, now))
