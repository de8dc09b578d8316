"""Launches campaigns when their time comes; any number of processes may look at once.

Decides how often it is looked. What may be launched, and when, the model decides.
"""

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime

import structlog

from campaigns.metrics import Metrics
from campaigns.model.campaign import CampaignStatus
from campaigns.model.ids import Kind, spell
from campaigns.operations.launching import Due, NotLaunchedError, launch_due_campaign
from campaigns.operations.service import Service
from campaigns.store.database import DatabaseAwayError
from worker.edges import clock
from worker.logs import LogThrottle

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
CAMPAIGN = "campaign"
"""The kind of what is due, in metrics."""


async def launch_what_is_due(service: Service, metrics: Metrics, now: Callable[[], datetime]) -> None:
    """Launch one campaign after another as their times come, until cancelled.

    One that takes too long is tried again once all the others are launched: it may be one account's alone.
    """
    put_off: set[int] = set()
    throttle = LogThrottle()
    while True:
        overdue = 0.0
        try:
            while (late := await _launch_one(service, now(), put_off)) is not None:
                overdue = max(overdue, late)
        except NotLaunchedError as error:
            put_off.add(error.campaign)
            campaign = spell(Kind.CAMPAIGN, error.campaign)
            log.warning("a campaign is launched later", campaign=campaign, problem=str(error))
        except DatabaseAwayError as error:
            event = "cannot look for campaigns whose time has come"
            throttle.warn(log, event, clock.monotonic(), event, problem=str(error))
        else:
            put_off.clear()
            metrics.due_overdue.labels(CAMPAIGN).set(overdue)
        await asyncio.sleep(LOOK_SECONDS)


async def _launch_one(service: Service, now: datetime, put_off: Collection[int] = ()) -> float | None:
    """Launch a campaign; return how late it was, in seconds, or None if there was none."""
    due = await launch_due_campaign(service, now, put_off)
    if due is None:
        return None
    _tell(due)
    return max(0.0, (now - due.due_at).total_seconds())


def _tell(due: Due) -> None:
    campaign = spell(Kind.CAMPAIGN, due.campaign.id)
    if due.campaign.status is CampaignStatus.REFUSED:
        log.warning("a campaign could not be launched", campaign=campaign)
    if due.skipped_from is not None:
        next_at = due.campaign.next_at
        log.warning(
            "times at which a campaign recurs were skipped: they are too long ago",
            campaign=campaign,
            first=due.skipped_from.isoformat(),
            next=None if next_at is None else next_at.isoformat(),
        )
