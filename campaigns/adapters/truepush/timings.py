"""When a campaign or a trigger of Truepush goes out: dates with times, or a pattern that repeats.

All of it is wall time in the site's zone. Dates come as `dd-mm-yyyy` and `dd/mm/yyyy`: the document has both.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct

from campaigns.adapters.reading import field_problem
from campaigns.model.problems import invalid
from campaigns.model.recurrence import DATES_MAX, Recurrence, daily, monthly, weekly, yearly

_DATE = re.compile(r"([0-9]{1,2})([-/])([0-9]{1,2})\2([0-9]{4})")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})")

Hour = Annotated[int, Meta(ge=0, le=23)]
Minute = Annotated[int, Meta(ge=0, le=59)]
Weekdays = Annotated[list[Annotated[int, Meta(ge=0, le=6)]], Meta(min_length=1, max_length=7)]
Days = Annotated[list[Annotated[int, Meta(ge=1, le=31)]], Meta(min_length=1, max_length=31)]
Months = Annotated[list[Annotated[int, Meta(ge=1, le=12)]], Meta(min_length=1, max_length=12)]


class DateAndTime(Struct, frozen=True):
    """A moment: `{"date": "23-10-2020", "time": "20:20"}`."""

    date: str
    time: str

    def wall_time(self, field: str = "timings") -> datetime:
        """Return it as a wall time.

        Raises:
            InvalidError: It is none; names the field below this one.
        """
        date, time = _DATE.fullmatch(self.date), _TIME.fullmatch(self.time)
        if date is None:
            raise invalid(f"{field}.date", "must be dd-mm-yyyy")
        if time is None:
            raise invalid(f"{field}.time", "must be HH:MM")
        try:
            return datetime(  # noqa: DTZ001 - a wall time: its zone is the site's
                int(date[4]), int(date[3]), int(date[1]), int(time[1]), int(time[2])
            )
        except ValueError:
            raise invalid(field, "must be a date of the calendar and a time of the day") from None


class Dates(Struct, frozen=True, forbid_unknown_fields=True):
    """Of a trigger that is `multiple`: when."""

    dates: Annotated[list[DateAndTime], Meta(min_length=1, max_length=DATES_MAX)]


class Daily(Struct, frozen=True, tag_field="sub_type", tag="daily", forbid_unknown_fields=True):
    """Of a trigger that is `repeated`: every day."""

    hours: Hour
    minutes: Minute

    @property
    def cron(self) -> str:
        """The same as a cron expression."""
        return daily(self.hours, self.minutes)


class Weekly(Struct, frozen=True, tag_field="sub_type", tag="weekly", forbid_unknown_fields=True):
    """On days of the week, which count from 0 for Sunday."""

    week_days: Weekdays
    hours: Hour
    minutes: Minute

    @property
    def cron(self) -> str:
        """The same as a cron expression."""
        return weekly(self.week_days, self.hours, self.minutes)


class Monthly(Struct, frozen=True, tag_field="sub_type", tag="monthly", forbid_unknown_fields=True):
    """On days of the month; one that a month lacks is skipped."""

    dates: Days
    hours: Hour
    minutes: Minute

    @property
    def cron(self) -> str:
        """The same as a cron expression."""
        return monthly(self.dates, self.hours, self.minutes)


class Yearly(Struct, frozen=True, tag_field="sub_type", tag="yearly", forbid_unknown_fields=True):
    """On days of some months, which count from 1."""

    months: Months
    dates: Days
    hours: Hour
    minutes: Minute

    @property
    def cron(self) -> str:
        """The same as a cron expression."""
        return yearly(self.months, self.dates, self.hours, self.minutes)


Repeated = Daily | Weekly | Monthly | Yearly


def moment_in(wall_time: datetime, zone: str) -> datetime:
    """Return a wall time of a zone in UTC: of one that comes twice the first, one that never comes as later.

    Raises:
        InvalidError: It is beyond all calendars.
    """
    try:
        return wall_time.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except OverflowError:
        raise invalid("timings.date", "must be within 10 years") from None


def recurrence_of(kind: str, timings: dict[str, Any], zone: str) -> Recurrence:
    """Return when a trigger goes out.

    Args:
        kind: `multiple` or `repeated`.
        timings: As they came.
        zone: The site's.

    Raises:
        InvalidError: They are not of this kind; names each field that is wrong.
    """
    form: Any = Dates if kind == "multiple" else Repeated
    try:
        read = msgspec.convert(timings, form)
    except msgspec.ValidationError as error:
        found = field_problem(error)
        raise invalid(f"timings.{found.field}".rstrip("."), found.problem) from None
    if isinstance(read, Dates):
        walls = [each.wall_time(f"timings.dates[{at}]") for at, each in enumerate(read.dates)]
        return Recurrence(dates=tuple(walls), zone=zone)
    return Recurrence(cron=read.cron, zone=zone)
