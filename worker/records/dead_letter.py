"""Dead letters: what a record becomes that is no valid job, and how one is cut that is too large."""

from msgspec import Struct

from worker.records.envelope import Headers, Publication, Record
from worker.records.topics import DEAD_LETTERS
from worker.records.values import RecordError


class Buried(Struct, frozen=True, gc=False):
    """A record that is no valid job, on its way to the dead letters.

    Attributes:
        key: The record's own.
        value: The record's own bytes.
        headers: The record's own, and those that say what is wrong.
    """

    key: bytes | None
    value: bytes | None
    headers: Headers


def _dead_letter(buried: Buried) -> Publication:
    return Publication(DEAD_LETTERS, buried.key, buried.value, buried.headers)


LETTER_HEADERS = ("error-code", "error", "source-topic", "source-partition", "source-offset")
"""What a dead letter says of its record, in this order."""


def bury(record: Record, error: RecordError, topic_prefix: str) -> Buried:
    """Make a dead letter: the record's own bytes and headers, and what is wrong with it."""
    place = (topic_prefix + record.partition.topic, str(record.partition.number), str(record.offset))
    said = zip(LETTER_HEADERS, (error.code, error.problem, *place), strict=True)
    own = tuple((name, value) for name, value in record.headers if name not in LETTER_HEADERS)
    added = tuple((name, value.encode()) for name, value in said)
    return Buried(record.key, record.value, own + added)


DEAD_LETTER_KEPT_BYTES = 512 << 10
"""Of a dead letter that the broker refuses for its size: the rest is cut off, its key and headers, too."""

TRUNCATED = "truncated-from-bytes"
"""The header of a dead letter that was cut."""


def cut(letter: Publication) -> Publication | None:
    """Shorten a dead letter that its topic refuses for its size; None where it is as short as it can be.

    Its key goes, and all headers but the ones that say what is wrong; `TRUNCATED` says how large it was.
    """
    size = len(letter.value or b"")
    if not size:
        return None
    whole = not any(name == TRUNCATED for name, _ in letter.headers)
    kept = (letter.value or b"")[:DEAD_LETTER_KEPT_BYTES] if whole else b""
    ours = {*LETTER_HEADERS, TRUNCATED}
    said = tuple((name, value) for name, value in letter.headers if name in ours)
    truncated = ((TRUNCATED, str(size).encode()),) if whole else ()
    return Publication(letter.topic, None, kept, said + truncated)
