"""The fuzzer bites: each mistake that workers once made with such input is found when it is put back."""

import re
from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from crypto.errors import SubscriptionKeyError
from crypto.keys import decode_subscription_keys
from tests.fuzz.serializers.inputs import drawn
from tests.fuzz.serializers.trial import fault
from worker.pipeline import build, intake, pipeline, publication
from worker.push import message, template
from worker.records import control, job, recipient, tolerance
from worker.records.values import RecordError
from worker.timing import schedule

NEVER = re.compile(rb"(?!)")


def headers_are_never_null(record, default_stretch, then=pipeline.take_in):
    assert sum(len(value) for _, value in record.headers) >= 0
    return then(record, default_stretch)


def base64url_alone(p256dh, auth):
    if not re.fullmatch("[A-Za-z0-9_-]+", p256dh + auth):
        raise SubscriptionKeyError("p256dh", "is not base64url")
    return decode_subscription_keys(p256dh, auth)


def null_is_no_variable(decode):
    def decoded(raw):
        found = decode(raw)
        for each in found.recipients if isinstance(found, job.SendJob) else [found]:
            if None in (each.variables or {}).values():
                raise msgspec.ValidationError("Expected `str`, got `null` - at `$.variables[...]`")
        return found

    return decoded


def null_is_a_text(self, person):
    value = (person.variables or {}).get(self.name, self.fallback)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def the_first_flaw_is_everybody_s(raw, index):
    try:
        return job._decode_recipient(raw)
    except msgspec.ValidationError as error:
        raise RecordError("bad_field", str(error)) from None


def job_of_a_tier_as_it_is(value):
    try:
        found = job._decode_later(value)
    except msgspec.ValidationError as error:
        raise RecordError("bad_field", str(error)) from None
    return job.Decoded(found, found.recipients)


def refuse(_name):
    raise ValueError


class WithoutNulls(job.SendJob, frozen=True, kw_only=True):
    recipients: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=1000)]


MISTAKES = {
    "a null header": ("headers", (pipeline, "take_in", headers_are_never_null)),
    "an escaped half": ("half a surrogate pair", (tolerance, "_SURROGATE_ESCAPE", NEVER)),
    "an escaped half in a name": ("half a pair in a name", (tolerance, "_SURROGATE_ESCAPE", NEVER)),
    "surrogates as bytes": ("a character beyond 16 bits", (tolerance, "_SURROGATES", NEVER)),
    "bytes that are not UTF-8": ("bytes that are not UTF-8", (tolerance, "repaired", lambda value: value)),
    "a half that kills its record": ("half a surrogate pair", (job, "tolerated", lambda value, kind: value)),
    "null for a field with a default": (
        "null",
        (tolerance, "_is_empty", lambda value, kind: False),
        (job, "_decode_leniently", msgspec.json.Decoder(WithoutNulls).decode),
    ),
    "null in a tier": ("null", (intake, "decode_later", job_of_a_tier_as_it_is)),
    "null in control": ("null", (control, "tolerated", lambda value, kind: value)),
    "a half in a file": ("half a surrogate pair", (recipient, "tolerated", lambda value, kind: value)),
    "an empty list": ("an empty list", (tolerance, "_is_empty", lambda value, kind: value is None)),
    "null for a variable": (
        "null",
        (job, "_decode_strictly", null_is_no_variable(job._decode_strictly)),
        (job, "_decode_recipient", null_is_no_variable(job._decode_recipient)),
    ),
    "a null that waits": ("null", (publication, "without_nulls", lambda variables: variables)),
    "base64 that waits": (
        "ordinary base64",
        (publication, "in_base64url", lambda subscription: subscription),
    ),
    "null as a variable's text": ("null", (template.Variable, "text", null_is_a_text)),
    "a timestamp that cannot be": ("timestamps", (intake, "wrong_clock", lambda timestamp, now: None)),
    "base64": ("ordinary base64", (build, "decode_subscription_keys", base64url_alone)),
    "pictures": ("pictures", (message, "PICTURE", template.URL._replace(detail="bad_notification"))),
    "spaces in braces": (
        "spaces in braces",
        (template, "_VARIABLE", re.compile(r"\{\{([A-Za-z0-9_]+)(?:\|(.*?))?\}\}", re.DOTALL)),
    ),
    "one word for all details": ("an empty text", (message, "TITLE", template.TITLE._replace(detail="bad"))),
    "upstream's own under our name": (
        "more of upstream's own",
        (message, "_data", lambda given: {**given, "pushmill": message._IDS}),
    ),
    "whole numbers": ("forms of a number", (tolerance, "_is_integer", lambda kind: False)),
    "no numbers": ("NaN", (tolerance, "_null", refuse)),
    "a byte order mark": ("a serializer's style", (tolerance, "_BYTE_ORDER_MARK", b"\xff")),
    "one flaw for all": ("another type", (job, "_read_recipient", the_first_flaw_is_everybody_s)),
    "a TTL of months": ("a ttl of months", (schedule, "TTL_MAX", 2**31)),
}


@pytest.fixture(autouse=True)
def compiled_anew():
    message._cached_template.cache_clear()
    yield
    message._cached_template.cache_clear()


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_that_is_put_back_is_found(monkeypatch, name):
    kind, *patches = MISTAKES[name]
    for holder, attribute, mistake in patches:
        monkeypatch.setattr(holder, attribute, mistake)
    assert any(fault(each) for each in INPUTS if each.kind == kind)
    plain = [each for each in INPUTS if each.kind in {kind, "a serializer's style"}]
    assert not all(map(fault, plain)), "breaks everything: that would be found anyhow"


SEEN = (
    ("a null header", "a null"),
    ("an escaped half", "recipients.variables.name"),
    ("a timestamp that cannot be", "seconds"),
    ("a timestamp that cannot be", "zero"),
    ("a timestamp that cannot be", "microseconds"),
    ("base64", "recipients.subscription.keys.p256dh"),
    ("base64", "recipients.subscription.keys.auth"),
    ("null for a variable", "recipients.variables.name"),
    ("an empty list", "recipients.variables"),
    ("null for a field with a default", "ttl"),
    ("null for a field with a default", "urgency"),
    ("pictures", "notification.icon"),
    ("pictures", "notification.image"),
    ("spaces in braces", "notification.title"),
    ("a TTL of months", "ttl"),
)
"""Where users met these mistakes."""


@pytest.mark.parametrize(("name", "place"), SEEN)
def test_a_mistake_is_found_where_users_met_it(monkeypatch, name, place):
    kind, *patches = MISTAKES[name]
    for holder, attribute, mistake in patches:
        monkeypatch.setattr(holder, attribute, mistake)
    assert any(fault(each) for each in INPUTS if (each.kind, each.place) == (kind, place))


INPUTS = drawn(5_000)
