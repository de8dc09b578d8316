"""From a chunk of a launch's audience to its send jobs.

Decides which recipients share a record and when each record's part of the stretch begins; knows neither where
the recipients come from nor how the jobs are written.

The ids of subscribers are random, so their order says nothing about them, and any span of ids holds its share
of the audience. A chunk has the part of the stretch that its span is of all ids. Its records divide that part
among themselves, each by the number of its recipients, those of different variants in turns. So due times are
even within a chunk, whatever its variants are; nothing has to be counted beforehand, and no chunk has to know
of another.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from msgspec import Struct, field

from campaigns.model.formats import formatted
from campaigns.model.ids import SUBSCRIBER_END, Kind, spell
from crypto import base64url
from worker.records.job import SendJob, Slice, Ttl, Urgency
from worker.records.notification import Notification
from worker.records.recipient import EncodedKeys, Recipient, Subscription
from worker.records.values import Moment, Scalar, Seconds, encode_json

RECIPIENTS_A_RECORD = 100
"""At most; a push needs the notification of its record encoded again only once for all of them."""

TOKEN = "t"  # noqa: S105 - the name of a variable
"""The variable that carries a recipient's token, by which browsers say whose push it was."""


Variables = dict[str, Scalar | None]
_SCALARS = (str, int, float, bool)  # `Scalar` as a tuple, which is looked at in a third of the time
_SUBSCRIBER = spell(Kind.SUBSCRIBER, 0).removesuffix("0")


class Row(Struct, frozen=True, gc=False):
    """A subscriber, as far as a launch needs to know one.

    Attributes:
        id: Below 2^53.
        endpoint: The subscription's; secret.
        p256dh: The browser's public key, 65 bytes.
        auth: The subscription's secret, 16 bytes.
        vapid_key: Name of the key that the subscription was made with.
        payload_format: Which form its service worker reads.
        language: As its browser says; None if unknown.
        platform: As its browser says; None if unknown.
        attributes: What the site knows of it, of which a job gets what its content names; not read where that
            is nothing.
    """

    id: int
    endpoint: str
    p256dh: bytes
    auth: bytes
    vapid_key: str
    payload_format: str
    language: str | None
    platform: str | None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Row({self.id})"


class Variant(NamedTuple):
    """What the recipients of a record have in common; None where the content does not depend on it."""

    vapid_key: str
    payload_format: str
    language: str | None
    platform: str | None


class Span(NamedTuple):
    """A span of subscribers' ids: from `begin`, and below `end`."""

    begin: int
    end: int


EVERYBODY = Span(0, SUBSCRIBER_END)


class Content(Struct, frozen=True):
    """What the recipients of a variant get: a notification, or a template of a payload."""

    notification: Notification | None = None
    payload: dict[str, Any] | None = None


class LaunchedJob(SendJob, frozen=True, omit_defaults=True, kw_only=True):
    """A send job with its times written out, as planned before any pause: the worker adds the shift."""

    start_at: Moment
    stretch_time: Seconds
    ttl: Ttl


class _Part(NamedTuple):
    """A record's part of the stretch; its length is in seconds."""

    start_at: datetime
    stretch_time: float


class Blueprint(Struct, frozen=True, kw_only=True):
    """What all records of a launch have in common.

    Attributes:
        launch_id: As it is spelled in Kafka: the jobs' `campaign_id`.
        site_id: As it is spelled in Kafka.
        content: What a variant gets.
        by_language: Whether the content differs by language.
        by_platform: Whether the content differs by platform.
        variables: Names of the attributes that the content shows; no other is copied into a job.
        formatted: Names of variables that are attributes in a format.
        tokens_of: Makes subscribers' tokens, the variable `t`; None where the content has none.
        stretch_time: Seconds over which the whole audience is spread; 0 if it is not.
        mutable: Whether a service worker of ours may change what is shown.
        ttl: Seconds that each message lives from its own due time.
        urgency: RFC 8030 section 5.3.
        topic: RFC 8030 section 5.4.
        not_after: Nothing is sent after this moment.
    """

    launch_id: str
    site_id: str
    content: Callable[[Variant], Content]
    by_language: bool = False
    by_platform: bool = False
    variables: frozenset[str] = frozenset()
    formatted: tuple[str, ...] = ()
    tokens_of: Callable[[Iterable[int]], Sequence[str]] | None
    stretch_time: float
    mutable: bool | None = None
    ttl: int
    urgency: Urgency = Urgency.NORMAL
    topic: str | None = None
    not_after: datetime | None = None

    @property
    def shows_attributes(self) -> bool:
        """Whether rows must have attributes."""
        return bool(self.variables or self.formatted)


def make_jobs(
    blueprint: Blueprint, rows: Sequence[Row], span: Span, start: datetime, first_number: int
) -> list[LaunchedJob]:
    """Make the send jobs of a chunk, in the order of their due times.

    Args:
        blueprint: What all records of the launch have in common.
        rows: All of the audience within the span, in the order of their ids.
        span: The ids that the chunk is about; chunks that follow each other leave nothing between them.
        start: When the stretch begins.
        first_number: The number of the first job; the others count on from it.
    """
    jobs, before = [], 0
    for number, (variant, members) in enumerate(_records(blueprint, rows), first_number):
        part = _part(blueprint, span, start, (before, len(members), len(rows)))
        jobs.append(_job(blueprint, number, variant, members, part))
        before += len(members)
    return jobs


def due_at(start: datetime, stretch_time: float, position: float) -> datetime:
    """Return when whoever has an id is due at the earliest.

    Args:
        start: When the stretch begins.
        stretch_time: Its length in seconds.
        position: An id, or a place between two.
    """
    return start + timedelta(seconds=stretch_time * position / SUBSCRIBER_END)


def _part(blueprint: Blueprint, span: Span, start: datetime, among: tuple[int, int, int]) -> _Part:
    """Return the part of a record, which stands behind `before` recipients of the chunk's `total`."""
    before, count, total = among
    length = (span.end - span.begin) / total
    start_at = due_at(start, blueprint.stretch_time, span.begin + before * length)
    return _Part(start_at, blueprint.stretch_time * count * length / SUBSCRIBER_END)


def _records(blueprint: Blueprint, rows: Sequence[Row]) -> list[tuple[Variant, Sequence[Row]]]:
    """Divide rows into records of one variant each, those of different variants in turns."""
    records = [
        (variant, part)
        for variant, members in _by_variant(blueprint, rows).items()
        for part in _divided(members)
    ]
    return sorted(records, key=lambda record: record[1][len(record[1]) // 2].id)


def _by_variant(blueprint: Blueprint, rows: Sequence[Row]) -> Mapping[Variant, Sequence[Row]]:
    by_language, by_platform = blueprint.by_language, blueprint.by_platform
    if not (by_language or by_platform):
        kinds = {(row.vapid_key, row.payload_format) for row in rows}
        if len(kinds) == 1:  # nearly always: a site has one key, and one service worker
            return {Variant(*kinds.pop(), None, None): rows}
    of_variant: defaultdict[tuple[str, str, str | None, str | None], list[Row]] = defaultdict(list)
    for row in rows:
        language, platform = row.language if by_language else None, row.platform if by_platform else None
        of_variant[row.vapid_key, row.payload_format, language, platform].append(row)
    return {Variant(*variant): members for variant, members in of_variant.items()}


def _divided(members: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Divide rows into as few records as possible, about equally large."""
    count = -(-len(members) // RECIPIENTS_A_RECORD)
    edges = [len(members) * edge // count for edge in range(count + 1)]
    return (members[begin:end] for begin, end in pairwise(edges))


def _job(
    blueprint: Blueprint, number: int, variant: Variant, members: Sequence[Row], part: _Part
) -> LaunchedJob:
    content = blueprint.content(variant)
    return LaunchedJob(
        v=1,
        job_id=f"{blueprint.launch_id}.{number}",
        campaign_id=blueprint.launch_id,
        site_id=blueprint.site_id,
        recipients=_recipients(blueprint, members),
        vapid_key=variant.vapid_key,
        notification=content.notification,
        payload=content.payload,
        mutable=blueprint.mutable,
        ttl=blueprint.ttl,
        urgency=blueprint.urgency,
        topic=blueprint.topic,
        start_at=part.start_at,
        stretch_time=part.stretch_time,
        not_after=blueprint.not_after,
        slice=Slice(0, len(members)) if part.stretch_time else None,
    )


def _recipients(blueprint: Blueprint, members: Sequence[Row]) -> list[Recipient]:
    """Make the recipients of a record, each step for all of them at once: that takes half the time."""
    names = [f"{_SUBSCRIBER}{row.id}" for row in members]
    points = base64url.encode_all([row.p256dh for row in members])
    secrets = base64url.encode_all([row.auth for row in members])
    endpoints = [row.endpoint for row in members]
    subscriptions = map(Subscription, endpoints, map(EncodedKeys, points, secrets))
    return [*map(Recipient, names, subscriptions, _variables(blueprint, members))]


def _variables(blueprint: Blueprint, members: Sequence[Row]) -> Sequence[Variables | None]:
    """Return what the content shows of each, and its token; None for nothing."""
    shown = [_shown(blueprint, row.attributes) for row in members] if blueprint.shows_attributes else None
    if blueprint.tokens_of is None:
        return [each or None for each in shown] if shown else [None] * len(members)
    tokens = blueprint.tokens_of([row.id for row in members])
    if shown is None:
        return [{TOKEN: token} for token in tokens]
    for own, token in zip(shown, tokens, strict=True):
        own[TOKEN] = token
    return shown


def _shown(blueprint: Blueprint, attributes: Mapping[str, Any]) -> Variables:
    shown = {name: _scalar(attributes[name]) for name in blueprint.variables if name in attributes}
    if blueprint.formatted:
        shown.update(formatted(blueprint.formatted, attributes))
    return shown


def _scalar(value: Any) -> Scalar | None:
    """Return an attribute as the value of a variable: a list becomes a text."""
    if isinstance(value, _SCALARS):
        return value
    if not isinstance(value, list):
        return None
    return ", ".join(each if isinstance(each, str) else encode_json(each).decode() for each in value)
