"""What a decoder's message becomes before anyone reads it."""

from typing import Annotated

import msgspec
import pytest
from msgspec import inspect

from worker.records.control import CampaignControl
from worker.records.job import LaterJob, SendJob
from worker.records.outcome import OutcomeBatch
from worker.records.values import IN_WORDS, field_and_problem


def patterns(kind):
    """Yield every pattern in a type."""
    match kind:
        case inspect.StrType(pattern=str(pattern)):
            yield pattern
        case inspect.StructType():
            for field in kind.fields:
                yield from patterns(field.type)
        case inspect.ListType():
            yield from patterns(kind.item_type)
        case inspect.UnionType():
            for each in kind.types:
                yield from patterns(each)


@pytest.mark.parametrize("record", [SendJob, LaterJob, CampaignControl, OutcomeBatch])
def test_every_pattern_is_said_in_words(record):
    found = set(patterns(inspect.type_info(record)))
    assert found <= IN_WORDS.keys()
    for pattern in found:
        kind = msgspec.defstruct("Kind", [("field", text_of(pattern))])
        with pytest.raises(msgspec.ValidationError) as caught:
            msgspec.json.decode(b'{"field": "\\u00fc /"}', type=kind)
        assert field_and_problem(caught.value) == ("field", IN_WORDS[pattern])


def text_of(pattern):
    return Annotated[str, msgspec.Meta(pattern=pattern)]


def test_a_pattern_without_words_is_not_shown_either():
    kind = msgspec.defstruct("Kind", [("field", text_of("^[0-9']+$"))])
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(b'{"field": "x"}', type=kind)
    assert field_and_problem(caught.value) == ("field", "has characters that are not allowed")
