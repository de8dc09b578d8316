"""Building blocks of the records in all topics: ids, times, counts, JSON, and the error of a bad record."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

ID_PATTERN = r"\A[A-Za-z0-9_-][A-Za-z0-9._:-]{0,127}\Z"
Id = Annotated[str, Meta(pattern=ID_PATTERN)]
Moment = Annotated[datetime, Meta(tz=True)]
Seconds = Annotated[float, Meta(ge=0, le=10 * 365 * 86_400)]
Count = Annotated[int, Meta(ge=0, lt=2**53)]
Scalar = str | int | float | bool


class RecordError(ValueError):
    """A record that cannot be read or is not valid.

    Attributes:
        code: A short stable word: the `error-code` header of a dead letter, and its metric label.
        problem: Names the field and what is wrong with it; never holds a value from the record.
    """

    def __init__(self, code: str, problem: str) -> None:
        super().__init__(problem)
        self.code = code
        self.problem = problem


_Value = TypeVar("_Value")

encode_json = msgspec.json.Encoder().encode
"""Encodes any of these types, or a built-in one, as JSON bytes."""

decode_json = msgspec.json.Decoder().decode
"""Decodes JSON bytes to built-in types."""

_MISSING = re.compile(r"[Oo]bject missing required field `(.*)`")
_NOT_IN_ENUM = re.compile(r"[Ii]nvalid enum value .*", re.DOTALL)
_PATTERN = re.compile(r"[Ee]xpected `str` matching regex (['\"])(.*)\1", re.DOTALL)
_WHERE = re.compile(r" - at `\$\.?([^`]*)`\Z")

IN_WORDS = {
    ID_PATTERN: "should be letters, digits, . _ : -; at most 128, the first of them not . or :",
    r"\A[A-Za-z0-9_-]{1,32}\Z": "should be letters, digits, - and _; at most 32",
}
"""What each pattern of a record means, for whoever has to correct a value."""


def field_and_problem(error: msgspec.ValidationError) -> tuple[str, str]:
    """Split a decoder's message into the path of a field and its problem, without the field's value."""
    text = str(error)
    where = _WHERE.search(text)
    path, text = (where.group(1), text[: where.start()]) if where else ("", text)
    if _NOT_IN_ENUM.fullmatch(text):
        return path, "is not one of the allowed values"
    pattern = _PATTERN.fullmatch(text)
    if pattern:
        return path, IN_WORDS.get(pattern[2].replace("\\\\", "\\"), "has characters that are not allowed")
    missing = _MISSING.fullmatch(text)
    if missing:
        return f"{path}.{missing.group(1)}".lstrip("."), "is missing"
    return path, text[:1].lower() + text[1:]


def decode_value(decoder: "msgspec.json.Decoder[_Value]", value: bytes) -> _Value:
    """Decode a record's value.

    Raises:
        RecordError: The value is not what the decoder expects; the text names the field.
    """
    try:
        return decoder.decode(value)
    except msgspec.ValidationError as error:
        name, problem = field_and_problem(error)
        raise RecordError("bad_field", f"{name or 'value'}: {problem}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RecordError("bad_json", "value: is not JSON") from None


_EARLIEST = datetime.min.replace(tzinfo=UTC).timestamp()
_LATEST = datetime.max.replace(microsecond=0, tzinfo=UTC).timestamp()
_MICROSECOND = timedelta(microseconds=1)


@lru_cache(maxsize=256)  # many outcomes share a time: answers land together
def moment(seconds: float) -> datetime:
    """Convert seconds since the epoch to the UTC time that goes onto the wire, within the years 1 to 9999.

    Rounded up to whole microseconds, so that the time that is read back is never earlier.
    """
    if not _EARLIEST <= seconds <= _LATEST:
        seconds = min(max(seconds, _EARLIEST), _LATEST)
    nearest = datetime.fromtimestamp(seconds, UTC)
    return nearest if nearest.timestamp() >= seconds else nearest + _MICROSECOND
