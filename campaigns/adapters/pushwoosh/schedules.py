"""When a message goes out: `send_date`, its zone, and at what rate."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from campaigns.adapters.pushwoosh.message_fields import Message
from campaigns.adapters.pushwoosh.words import refused
from campaigns.model.campaign import Plan
from campaigns.model.zones import Zones

NOW = "now"
FORMS = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d")
RATE_LEAST, RATE_MOST = 100, 1_000
"""Recipients a second that `send_rate` may ask for."""

YEAR_LEAST, YEAR_MOST = 1970, 9998
"""Years in which a time can be put into any zone."""


def plan_of(message: Message, zones: Zones, now: datetime, field: str) -> Plan:
    """Return when a message goes out; a time that has passed is now.

    Args:
        message: The message.
        zones: The time zones of tzdata.
        now: The moment.
        field: Where the message stands in the request.

    Raises:
        RefusedError: A field is wrong.
    """
    rate = message.send_rate or None
    if rate is not None and not RATE_LEAST <= rate <= RATE_MOST:
        raise refused(f"{field}.send_rate", f"must be from {RATE_LEAST} to {RATE_MOST}")
    ttl = next((each for each in (message.chrome_gcm_ttl, message.safari_ttl) if each is not None), None)
    plan = Plan(rate=None if rate is None else float(rate), ttl=ttl)
    at = _wall_time(message.send_date or NOW, f"{field}.send_date")
    if at is None:
        return plan
    if message.ignore_user_timezone is False:
        return Plan(rate=plan.rate, ttl=ttl, local_time=at)
    start = at.replace(tzinfo=_zone(message.timezone, zones, f"{field}.timezone")).astimezone(UTC)
    return plan if start <= now else Plan(rate=plan.rate, ttl=ttl, start_at=start)


def moment_of(plan: Plan, now: datetime) -> datetime:
    """Return from which moment "N days ago" counts."""
    return max(plan.due_at or now, now)


def _wall_time(text: str, field: str) -> datetime | None:
    if text.strip().lower() == NOW:
        return None
    for form in FORMS:
        try:
            read = datetime.strptime(text.strip(), form)  # noqa: DTZ007 - a zone is said beside it, or none
        except ValueError:
            continue
        if YEAR_LEAST <= read.year <= YEAR_MOST:
            return read
    raise refused(field, "must be `now` or YYYY-MM-DD HH:mm")


def _zone(name: str | None, zones: Zones, field: str) -> ZoneInfo:
    if not name:
        return ZoneInfo("UTC")
    if name not in zones:
        raise refused(field, "is not a time zone of tzdata (Europe/Berlin)")
    return ZoneInfo(name)
