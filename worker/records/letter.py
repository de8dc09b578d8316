"""Reading dead letters back: what each one says, which ones are meant, and what replaying one produces.

Pure, and tolerant: anyone may have written a letter. Knows nothing of how letters are read from Kafka.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import msgspec
from msgspec import Struct

from worker.records.dead_letter import ADDED_HEADERS, TRUNCATED
from worker.records.envelope import Headers, Publication
from worker.records.topics import INPUTS, TIER_TOPICS
from worker.records.values import ID_PATTERN

REPLAYED_TO = (*INPUTS, *TIER_TOPICS)
"""Topics that letters come from and go back to, without the prefix."""

_NUMBER = re.compile(r"[0-9]{1,19}")
_ID = re.compile(ID_PATTERN)


class Position(Struct, frozen=True, order=True):
    """Where a letter is in the topic of dead letters."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


class Ids(Struct, frozen=True):
    """The ids of a letter's job, as far as they can be read."""

    campaign_id: str | None = None
    job_id: str | None = None


class Letter(Struct, frozen=True):
    """A dead letter.

    Attributes:
        position: Where it is.
        at: When it was written: seconds since the epoch.
        code: Its `error-code`; empty if it has none.
        error: Which field, and what is wrong with it.
        source_topic: The topic that its record was read from, with the prefix; empty if it does not say.
        source_partition: The partition there.
        source_offset: The offset there.
        truncated_from: The size of the record's value in bytes, if the letter holds only its beginning.
        ids: Of its job.
        key: The record's own.
        value: The record's own.
        headers: The record's own.
    """

    position: Position
    at: float
    code: str
    error: str
    source_topic: str
    source_partition: int | None
    source_offset: int | None
    truncated_from: int | None
    ids: Ids
    key: bytes | None
    value: bytes | None
    headers: Headers

    def __repr__(self) -> str:
        return f"Letter({self.position})"

    def replay(self, topic_prefix: str) -> Publication | None:
        """Return the record that this letter was made of, or None if it cannot go back to where it was.

        A record that was cut is gone. One that is said to come from any other topic was not read by a worker.
        """
        topic = self.source_topic.removeprefix(topic_prefix)
        if self.truncated_from is not None or topic_prefix + topic != self.source_topic:
            return None
        return Publication(topic, self.key, self.value, self.headers) if topic in REPLAYED_TO else None


def read_letter(
    position: Position, at: float, key: bytes | None, value: bytes | None, headers: Headers
) -> Letter:
    """Read a record of the topic of dead letters, whatever it holds.

    Args:
        position: Where it is.
        at: Its timestamp: seconds since the epoch.
        key: As Kafka stores it.
        value: As Kafka stores it.
        headers: As Kafka stores them.
    """
    said = {name: _text(text) for name, text in headers if name in ADDED_HEADERS}
    return Letter(
        position=position,
        at=at,
        code=said.get("error-code", ""),
        error=said.get("error", ""),
        source_topic=said.get("source-topic", ""),
        source_partition=_number(said, "source-partition"),
        source_offset=_number(said, "source-offset"),
        truncated_from=_number(said, TRUNCATED),
        ids=read_ids(value or b""),
        key=key,
        value=value,
        headers=tuple((name, text) for name, text in headers if name not in ADDED_HEADERS),
    )


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")


def _number(said: Mapping[str, str], name: str) -> int | None:
    text = said.get(name)
    if text is None:
        return None
    # A letter that says that it is cut, but not from which size, is cut all the same.
    return int(text) if _NUMBER.fullmatch(text) else 0 if name == TRUNCATED else None


def read_ids(value: bytes) -> Ids:
    """Read the ids of a job that may be broken in any other place."""
    try:
        found = msgspec.json.decode(value, type=_RawIds)
        return Ids(_decoded_id(found.campaign_id), _decoded_id(found.job_id))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Ids(*(_searched_id(value, name) for name in (b"campaign_id", b"job_id")))


class _RawIds(Struct):
    campaign_id: msgspec.Raw = msgspec.Raw()
    job_id: msgspec.Raw = msgspec.Raw()


def _decoded_id(raw: msgspec.Raw) -> str | None:
    try:
        text = msgspec.json.decode(raw, type=str)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return text if _ID.fullmatch(text) else None


def _searched_id(value: bytes, name: bytes) -> str | None:
    found = re.search(rb'"' + name + rb'"\s*:\s*"([^"\\]{1,128})"', value)
    text = found[1].decode(errors="replace") if found else ""
    return text if _ID.fullmatch(text) else None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters are meant; what is left out admits every letter.

    Attributes:
        codes: Their `error-code` is one of these.
        since: Written at this moment or later: seconds since the epoch.
        until: Written before this moment.
        campaign: Their job is of this campaign.
    """

    codes: Collection[str] = ()
    since: float | None = None
    until: float | None = None
    campaign: str | None = None

    def admits(self, letter: Letter) -> bool:
        """Whether this letter is meant."""
        return (
            (not self.codes or letter.code in self.codes)
            and (self.since is None or letter.at >= self.since)
            and (self.until is None or letter.at < self.until)
            and (self.campaign is None or letter.ids.campaign_id == self.campaign)
        )
