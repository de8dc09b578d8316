"""Inputs that are no jobs: control records, and files for `pushmill send`, through what decodes them."""

import contextlib
import io
from typing import Any

from crypto.aes128gcm import decrypt
from tests.fuzz.serializers.inputs import Input
from tests.fuzz.serializers.jobs import RECEIVERS
from tests.fuzz.serializers.reading import Ends, Sent, WrongError, instant, read, read_subscription
from tests.fuzz.serializers.shapes import CONTROL, SUBSCRIPTION
from tests.worker.support import VAPID_KEY
from worker.commands import send
from worker.config import load_settings
from worker.push.verdict import Settled
from worker.records.control import Campaigns, decode_control
from worker.records.recipient import decode_subscription
from worker.records.values import RecordError


def control_of(tree: Any) -> tuple[str, str, float, float] | None:
    """Return a control record's campaign, state, time and shift; None if it is not valid."""
    try:
        found = read(tree, CONTROL)
    except WrongError:
        return None
    return found["campaign_id"], found["state"], instant(found["at"]), found.get("shift", 0.0)


def control_fault(each: Input) -> str | None:
    """Return what is wrong with the effect of a control record, or None."""
    expected = control_of(each.record.tree if each.is_harmless else each.meant)
    campaigns = Campaigns()
    try:
        campaigns.apply(decode_control(each.value))
    except RecordError as error:
        return None if expected is None and error.code == "bad_field" else f"killed: {error.code}, {error}"
    except Exception as error:  # noqa: BLE001 - whatever is raised is a finding
        return f"raised {type(error).__name__}: {error}"
    if expected is None:
        return "is taken, though a field is wrong"
    name, state, at, shift = expected
    known = campaigns.of(name)
    is_plain = state == "running" and not shift
    is_right = is_plain or (known.state, known.at, known.shift) == (state, at, shift)
    return None if is_right else f"is {known}; should be {expected}"


_PAYLOAD = "hello"
_SETTINGS = load_settings({"PUSHMILL_VAPID_DIR": ".", "PUSHMILL_VAPID_SUBJECT": "mailto:a@b.example"})
_RECEIVER = next(iter(RECEIVERS.values()))


def file_fault(each: Input) -> str | None:
    """Return what is wrong with the request that is made for a subscription file, or None."""
    tree = each.record.tree if each.is_harmless else each.meant
    expected = read_subscription(tree, SUBSCRIPTION, _PAYLOAD)
    try:
        subscription = decode_subscription(each.value)
        job = send._job(subscription, {"payload": _PAYLOAD})
        with contextlib.redirect_stderr(io.StringIO()):  # it says what is wrong with an endpoint
            made = send._make(job, VAPID_KEY, _SETTINGS)
    except RecordError as error:
        return None if expected is None and error.code == "bad_field" else f"killed: {error.code}, {error}"
    except Exception as error:  # noqa: BLE001 - whatever is raised is a finding
        return f"raised {type(error).__name__}: {error}"
    if isinstance(made, Settled):
        ends = Ends(made.status, made.detail)
        return None if ends == expected else f"is {ends}; should be {expected}"
    is_right = isinstance(expected, Sent) and decrypt(made.body, _RECEIVER) == _PAYLOAD.encode()
    return None if is_right else f"is sent; should be {expected}"
