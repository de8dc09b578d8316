"""The targets bite: the kept inputs alone find each mistake that is put into the code."""

import re
from datetime import datetime

import pytest

from crypto import aes128gcm, key_forms
from crypto.agreement import lanes
from tests.fuzz.kept import kept
from tests.fuzz.targets import TARGETS
from tests.harness.agreement import crypto_mb
from worker.commands import send
from worker.edges.http.http1 import AnswerParser
from worker.pipeline import publication
from worker.push import addresses, answers, services, template
from worker.records import control as control_records
from worker.records import values
from worker.simulator.connection import PushConnection

NEVER = re.compile(r"(?!)")

MISTAKES = {
    "a value in an error": ("job", values, "_NOT_IN_ENUM", NEVER),
    "a time that cannot be read again": ("tier", publication, "moment", lambda seconds: datetime(2027, 1, 1)),  # noqa: DTZ001 - the mistake
    "a recipient that gets lost": ("job", publication, "_later", lambda job, postponed: iter(())),
    "a text that is not encoded": ("template", template, "quote", lambda text, safe: text),
    "a body that is not read": ("answer", AnswerParser, "on_body", lambda self, piece: None),
    "an answer that means nothing": ("verdict", answers, "_BY_CLASS", {}),
    "an IP address as host": ("endpoint", services, "_NUMERIC_HOST", NEVER),
    "a private address": ("address", addresses, "_REFUSED_V4", ()),
    "a time that runs backwards": ("control", control_records.Control, "shift_at", lambda self, now: -1.0),
    "requests that are cut": (
        "request",
        PushConnection,
        "on_url",
        lambda self, piece: setattr(self, "_target", piece),
    ),
    "a subscription that is refused": (
        "subscription",
        send,
        "_read_subscription",
        lambda file: send.end(file, 2),
    ),
    "a number that is no key": ("key_form", key_forms, "_ORDER", 1 << 256),
    "a coordinate that is not checked": ("agreement", lanes, "_may_be_point", lambda receiver: True),
    "padding that is not taken off": ("body", aes128gcm, "_unpad", lambda record, delimiter: record),
}


@pytest.mark.parametrize(("target", "holder", "name", "mistake"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_found_and_leaves_nothing_behind(monkeypatch, target, holder, name, mistake):
    if holder is lanes:
        crypto_mb()
    with monkeypatch.context() as patch:
        patch.setattr(holder, name, mistake)
        with pytest.raises((AssertionError, LookupError, ValueError)):
            feed(target)
    for each in TARGETS:
        feed(each)


def feed(target):
    for path in kept(target):
        TARGETS[target](path.read_bytes())
