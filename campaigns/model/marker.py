"""Markers: what each transaction of a launcher or a relay says of itself in `push.launches`.

A marker is written in the transaction whose records it is about. So whoever finds it knows that they are in
Kafka, and whoever does not find it, that they are not. The newest one of a key stands for all before it.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from worker.records.values import Count, Id, decode_value

Cursor = Annotated[int, Meta(ge=-1, le=2**63 - 1)]
Slot = Annotated[int, Meta(ge=0, le=15)]


class LaunchMarker(Struct, frozen=True, kw_only=True):
    """How far the writing of a launch has come; the key is the launch's id.

    Attributes:
        launch_id: The launch, spelled as in its jobs.
        cursor: Every recipient up to here is written: the number of the part of the audience times 2^53, plus
            the last subscriber's id that has been dealt with.
        job: Number of the next job.
        written: Recipients written so far.
    """

    v: Literal[1] = 1
    launch_id: Id
    cursor: Cursor
    job: Count
    written: Count


class BatchMarker(Struct, frozen=True, kw_only=True):
    """The newest batch that a relay has written; the key is the relay.

    Attributes:
        relay: The relay's slot.
        batch: The batch's number.
        written: Recipients that it wrote, by launch: fewer than its rows if some have unsubscribed.
    """

    v: Literal[1] = 1
    relay: Slot
    batch: Count
    written: dict[Id, Count]


_launch_decoder = msgspec.json.Decoder(LaunchMarker)
_batch_decoder = msgspec.json.Decoder(BatchMarker)


def relay_key(slot: int) -> str:
    """Return the key of a relay's markers; no launch is spelled like it."""
    return f"relay-{slot}"


def decode_launch_marker(value: bytes) -> LaunchMarker:
    """Read a launch's marker.

    Raises:
        RecordError: The value is not one; the text names the field.
    """
    return decode_value(_launch_decoder, value)


def decode_batch_marker(value: bytes) -> BatchMarker:
    """Read a relay's marker.

    Raises:
        RecordError: The value is not one; the text names the field.
    """
    return decode_value(_batch_decoder, value)
