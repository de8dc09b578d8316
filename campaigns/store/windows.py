"""The subscribers in a target, a window of their ids at a time, with all that a push to them needs."""

from typing import NamedTuple

from campaigns.model.ids import SUBSCRIBER_END
from campaigns.model.target import (
    Among,
    Everyone,
    ExternalIds,
    InSegment,
    Meeting,
    Subscribers,
    Tagged,
    Target,
    condition_of,
)
from campaigns.store.condition_sql import Parameters, condition_sql
from campaigns.store.database import Connection, Row

SCANNED = 50_000
"""Subscribers that a statement looks at, about: as long as it runs, it keeps PostgreSQL from cleaning up."""

NAMED = """
s.id IN (
    SELECT k.subscriber FROM subscriber_key AS k
    WHERE k.site = $1 AND k.kind = 'external_id' AND k.value = ANY({values})
)
"""
ZONE_THEN = """
CASE WHEN s.id IN (SELECT f.subscriber FROM former_zone AS f WHERE f.site = $1 AND f.id > {mark})
THEN (
    SELECT f.zone FROM former_zone AS f WHERE f.subscriber = s.id AND f.id > {mark} ORDER BY f.id LIMIT 1
)
ELSE s.zone END
"""
ACTIVE = """
SELECT coalesce(sum(count), 0)::bigint FROM subscriber_count WHERE site = $1 AND status = 'active'
"""


class InZones(NamedTuple):
    """Subscribers by their zones.

    Attributes:
        names: The zones.
        elsewhere: Whether all others are meant instead, those without a zone included.
        mark: `Launch.zone_mark`: changes of zones behind it are ignored; None: none are.
    """

    names: tuple[str, ...]
    elsewhere: bool = False
    mark: int | None = None


ANYWHERE = InZones((), elsewhere=True)


class Window(NamedTuple):
    """A span of ids, `begin` included and `end` not, and how many subscribers are wanted of it."""

    begin: int
    end: int
    limit: int


async def window_length(connection: Connection, site: int, target: Target) -> int:
    """Return how many ids a statement may look at."""
    if isinstance(target, Subscribers | ExternalIds | Among):
        return SUBSCRIBER_END  # few, and each is found by an index
    active: int = await connection.fetchval(ACTIVE, site)
    return SUBSCRIBER_END if active <= SCANNED else SUBSCRIBER_END * SCANNED // active


async def read_window(
    connection: Connection,
    site: int,
    target: Target,
    zones: InZones,
    window: Window,
    *,
    attributes: bool = True,
) -> list[Row]:
    """Return the active subscribers of a target within a window, the first ones if there are too many.

    Args:
        connection: A connection.
        site: Whose subscribers.
        target: Who is meant.
        zones: Who of them, by zone.
        window: Which ids.
        attributes: Whether attributes are wanted, behind all else; to read them is a quarter of the work.
    """
    parameters = Parameters((site, *window))
    statement = window_sql(
        _target_sql(target, parameters), _zones_sql(zones, parameters), attributes=attributes
    )
    return await connection.fetch(statement, *parameters.values)


def window_sql(target: str, zones: str, *, attributes: bool = True) -> str:
    """Return a window's statement; its parameters are the site, the first id, the one behind, and the limit.

    Args:
        target: Who is in the target, as an expression over `s`.
        zones: Who is in the zones.
        attributes: Whether attributes are wanted.
    """
    besides = ", s.attributes" if attributes else ""
    return f"""
        SELECT s.id, s.endpoint, s.p256dh, s.auth, s.vapid_key, s.payload_format, s.language, s.platform
            {besides}
        FROM subscriber AS s
        WHERE s.site = $1 AND s.status = 'active' AND s.id >= $2 AND s.id < $3 AND s.endpoint IS NOT NULL
            AND s.p256dh IS NOT NULL AND s.auth IS NOT NULL AND s.vapid_key IS NOT NULL
            AND {target} AND {zones}
        ORDER BY s.id LIMIT $4
    """  # noqa: S608 - all are made of parameters alone


def _target_sql(target: Target, parameters: Parameters) -> str:
    match target:
        case Subscribers(numbers):
            return f"s.id = ANY({parameters.add(list(numbers), 'bigint[]')})"
        case ExternalIds(values):
            return NAMED.format(values=parameters.add(list(values), "text[]"))
        case Among(named, condition):
            return f"{_target_sql(named, parameters)} AND {condition_sql(condition, parameters)}"
        case InSegment():
            raise AssertionError("a launch has its segment's condition instead")
        case Everyone() | Tagged() | Meeting():
            return condition_sql(condition_of(target), parameters)


def _zones_sql(zones: InZones, parameters: Parameters) -> str:
    if zones == ANYWHERE:
        return "true"
    zone = "s.zone"
    if zones.mark is not None:
        zone = f"({ZONE_THEN.format(mark=parameters.add(zones.mark, 'bigint'))})"
    names = parameters.add(list(zones.names), "text[]")
    return f"coalesce({zone} <> ALL({names}), true)" if zones.elsewhere else f"{zone} = ANY({names})"
