"""Dead letters: what becomes of a record that is not a valid job, and how one that is too large is cut.

Pure: knows nothing of why a record is invalid, nor of how Kafka refuses one.
"""

from worker.records.envelope import Publication, Record
from worker.records.topics import DEAD_LETTERS
from worker.records.values import RecordError

LETTER_HEADERS = ("error-code", "error", "source-topic", "source-partition", "source-offset")
"""The headers of a dead letter that describe its record, in this order."""

DEAD_LETTER_KEPT_BYTES = 512 << 10
"""Bytes that are kept of a dead letter's value if the broker refuses it for its size."""

TRUNCATED = "truncated-from-bytes"
"""The header of a dead letter that was cut; it holds the original size of the value."""

ADDED_HEADERS = frozenset({*LETTER_HEADERS, TRUNCATED})
"""Every header that pushmill adds to a record: all others are the record's own."""


def dead_letter(record: Record, error: RecordError, topic_prefix: str) -> Publication:
    """Make a record's dead letter: its own key, value and headers, and headers that say what is wrong.

    If the record has headers with those names, or with the one of a letter that was cut, they are left out.
    """
    source = (topic_prefix + record.partition.topic, str(record.partition.number), str(record.offset))
    texts = zip(LETTER_HEADERS, (error.code, error.problem, *source), strict=True)
    own = tuple((name, value) for name, value in record.headers if name not in ADDED_HEADERS)
    added = tuple((name, text.encode()) for name, text in texts)
    return Publication(DEAD_LETTERS, record.key, record.value, own + added)


def cut(letter: Publication) -> Publication | None:
    """Shorten a dead letter that its topic refuses for its size: to `DEAD_LETTER_KEPT_BYTES`, then to 0.

    The key and the record's own headers go, too; `TRUNCATED` says how large the value was.

    Returns:
        The shorter letter, or None if there is nothing left to cut.
    """
    size = len(letter.value or b"")
    if not size:
        return None
    is_whole = not any(name == TRUNCATED for name, _ in letter.headers)
    kept = (letter.value or b"")[:DEAD_LETTER_KEPT_BYTES] if is_whole else b""
    headers = tuple((name, value) for name, value in letter.headers if name in ADDED_HEADERS)
    truncated = ((TRUNCATED, str(size).encode()),) if is_whole else ()
    return Publication(letter.topic, None, kept, headers + truncated)
