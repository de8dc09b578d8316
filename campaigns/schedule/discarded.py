"""Deletes campaigns that were discarded while the worker had still to be told of it.

Decides how often it is looked. Which ones may be deleted, the operation knows.
"""

import asyncio

import structlog

from campaigns.operations.service import Service
from campaigns.operations.steering import remove_discarded
from campaigns.store.database import DatabaseAwayError

log = structlog.get_logger(__name__)

LOOK_SECONDS = 10.0


async def remove_what_is_discarded(service: Service) -> None:
    """Delete discarded campaigns as they may be, until cancelled; any number of processes may do so."""
    while True:
        try:
            while await remove_discarded(service):
                pass
        except DatabaseAwayError as error:
            log.warning("cannot delete discarded campaigns; trying again later", problem=str(error))
        await asyncio.sleep(LOOK_SECONDS)
