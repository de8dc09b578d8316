"""From records of `push.expired` to the subscriptions that are gone; ARCHITECTURE.md: Expired.

Decides nothing about subscribers: whoever has another endpoint by now stays as it is.
"""

from collections.abc import Iterable

from msgspec import Struct

from campaigns.model.ids import Kind, read
from campaigns.store.expirations import Gone
from campaigns.store.subscribers import digest_of
from worker.records.outcome import decode_expired
from worker.records.values import RecordError


class Expirations(Struct, frozen=True):
    """What records say.

    Attributes:
        gone: Subscriptions; those of other installations are of nobody here.
        passed_over: Records that cannot be read, or name ids that are not spelled as this service's.
    """

    gone: frozenset[Gone]
    passed_over: int


def read_expirations(values: Iterable[bytes | None]) -> Expirations:
    """Read the values of records; one without a value says that somebody was erased, and is none of ours."""
    found = [_read(value) for value in values if value is not None]
    return Expirations(frozenset(each for each in found if each is not None), found.count(None))


def _read(value: bytes) -> Gone | None:
    try:
        record = decode_expired(value)
    except RecordError:
        return None
    site, subscriber = read(Kind.SITE, record.site_id), read(Kind.SUBSCRIBER, record.recipient_id)
    if site is None or subscriber is None:
        return None
    return Gone(site, subscriber, digest_of(record.endpoint))
