"""Times as SendPulse writes them: wall times of the account's zone, to the second, without saying so."""

import re
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from campaigns.model.problems import invalid

_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:([ T])([0-9]{2}:[0-9]{2}:[0-9]{2})(Z)?)?")
_NEEDED = "must be a date (2026-11-21), or a date with a time (2026-11-21 09:00:00)"


def said(moment: datetime, zone: ZoneInfo) -> str:
    """Say a moment: `2026-11-21 09:00:00`."""
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def read_start(text: str | None, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Read when a campaign is to begin; None: at once.

    Raises:
        InvalidError: It is no such time, or has passed.
    """
    match = _match(text, "send_date")
    if match is None:
        return None
    if match[3] is None:
        raise invalid("send_date", "must be a date with a time (2026-11-21 09:00:00)")
    moment = _moment(match, zone, "send_date")
    if moment < now.replace(microsecond=0):
        raise invalid("send_date", "has passed; choose a later time, or leave it out to send at once")
    return moment


def read_since(text: str | None, zone: ZoneInfo, field: str) -> datetime | None:
    """Read from when on; a date is the day's beginning.

    Raises:
        InvalidError: It is neither a date nor one with a time.
    """
    match = _match(text, field)
    return None if match is None else _moment(match, zone, field)


def read_until(text: str | None, zone: ZoneInfo, field: str) -> datetime | None:
    """Read until when; a date is the whole day. What comes at the moment that is returned is too late.

    Raises:
        InvalidError: It is neither a date nor one with a time.
    """
    match = _match(text, field)
    if match is None:
        return None
    is_day = match[3] is None or match.group(2, 3) == ("T", "00:00:00")  # Go writes a day so
    last = _moment(match, zone, field)
    try:
        if not is_day:
            return last + timedelta(seconds=1)
        next_day = last.astimezone(zone).replace(tzinfo=None) + timedelta(days=1)
        return next_day.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        raise invalid(field, _NEEDED) from None


def midnight(now: datetime, zone: ZoneInfo) -> datetime:
    """Return when the day began."""
    return datetime.combine(now.astimezone(zone).date(), time(), zone).astimezone(UTC)


def _match(text: str | None, field: str) -> re.Match[str] | None:
    """Take a time apart; None if none was given. Go's zero time, in the year 1, is none."""
    if text is None:
        return None
    match = _DATE.fullmatch(text)
    if match is None:
        raise invalid(field, _NEEDED)
    return None if text.startswith("0001-") else match


def _moment(match: re.Match[str], zone: ZoneInfo, field: str) -> datetime:
    try:
        wall = datetime.fromisoformat(f"{match[1]} {match[3] or '00:00:00'}")
        return wall.replace(tzinfo=UTC if match[4] else zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise invalid(field, _NEEDED) from None
