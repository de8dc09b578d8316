"""What came of a campaign, or of one of its launches."""

from collections.abc import Iterable

from campaigns.model.ids import LaunchId
from campaigns.model.scope import Permission, Scope
from campaigns.model.statistics import Counts, Statistics, statistics
from campaigns.operations.campaigns import CampaignView
from campaigns.operations.finding import the_campaign, the_launch
from campaigns.operations.service import Service
from campaigns.store.launch_counts import counts_of
from campaigns.store.launches import launches_of


async def campaign_statistics(scope: Scope, service: Service, number: int) -> Statistics:
    """Add up what came of all launches of a campaign.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
    """
    scope.require(Permission.READ)
    async with service.begin() as connection:
        campaign = await the_campaign(connection, scope, number)
        launches = await launches_of(connection, campaign.id, campaign.site)
        counts, until = await counts_of(connection, launches)
    return statistics(counts, until)


async def statistics_of(service: Service, views: Iterable[CampaignView]) -> dict[int, Statistics]:
    """Add up what came of campaigns that the caller has found, all at once, by their numbers."""
    found = list(views)
    launches = [launch for view in found for launch in view.launches]
    async with service.begin() as connection:
        counts, until = await counts_of(connection, launches)
    by_campaign: dict[int | None, list[Counts]] = {}
    for launch, each in zip(launches, counts, strict=True):
        by_campaign.setdefault(launch.campaign, []).append(each)
    return {view.campaign.id: statistics(by_campaign.get(view.campaign.id, []), until) for view in found}


async def launch_statistics(scope: Scope, service: Service, launch_id: LaunchId) -> Statistics:
    """Return what came of a launch.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
    """
    scope.require(Permission.READ)
    async with service.begin() as connection:
        launch = await the_launch(connection, scope, launch_id)
        counts, until = await counts_of(connection, [launch])
    return statistics(counts, until)
