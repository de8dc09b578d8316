"""Why `pushmill send` did not send: which field, which key, which setting, and what the push service says.

Decides what whoever typed the command should look at. Never shows an endpoint or a key of a subscription.
"""

import re
from collections.abc import Iterator

from crypto.errors import SubscriptionKeyError
from crypto.keys import parse_subscription_keys
from worker.checks.content import content
from worker.checks.finding import Severity
from worker.push.answers import Answer, PushResponse, TransportFailure
from worker.push.reasons import reason_given
from worker.push.verdict import Settled, Verdict
from worker.records.job import Decoded, SendJob
from worker.records.outcome import Status
from worker.records.recipient import Subscription

_FAILURES = {
    TransportFailure.DNS: "the endpoint's host cannot be resolved",
    TransportFailure.TLS: (
        "no TLS with the endpoint's host: if its certificate is from a CA of yours, name that in "
        "PUSHMILL_CA_FILE"
    ),
    TransportFailure.TIMEOUT: "no answer within PUSHMILL_REQUEST_TIMEOUT",
    TransportFailure.ADDRESS_REFUSED: (
        "the endpoint's host has a private or loopback address; "
        "PUSHMILL_ALLOW_PRIVATE_ENDPOINTS=true allows it, for tests"
    ),
}
_DETAILS = {
    "key_mismatch": (
        "the subscription was made with another VAPID key: choose it with --key; `pushmill keys show` prints "
        "public keys"
    ),
    "bad_jwt": "look at the clock of this machine, and at PUSHMILL_VAPID_SUBJECT or --subject",
}
_FOR_WHOM = re.compile(r" for [0-9]+ of [0-9]+ recipients \(first: recipients\[[0-9]+\]\)")


def why_not_made(verdict: Settled, job: SendJob) -> Iterator[str]:
    """Yield lines that say why there is no request for the only recipient of a job."""
    [recipient] = job.recipients
    if verdict.detail == "bad_keys":
        try:
            parse_subscription_keys(recipient.subscription.keys.p256dh, recipient.subscription.keys.auth)
        except SubscriptionKeyError as error:
            yield f"the subscription's keys.{error.field} {error.problem}"
    elif verdict.status is Status.REJECTED:
        for finding in content(Decoded(job, job.recipients)):
            if finding.severity is Severity.ERROR:
                field = finding.field.removeprefix("notification.")
                yield f"--{field} {_FOR_WHOM.sub('', finding.problem)}"


def why_not_sent(verdict: Verdict, answer: Answer, subscription: Subscription) -> Iterator[str]:
    """Yield lines that say what came back: the push service's reason, and where to look."""
    if isinstance(answer, TransportFailure):
        if answer in _FAILURES:
            yield _FAILURES[answer]
        return
    reason = _reason(answer, subscription)
    if reason:
        yield f"the push service says: {reason}"
    detail = verdict.detail if isinstance(verdict, Settled) else None
    if detail in _DETAILS:
        yield _DETAILS[detail]


def _reason(answer: PushResponse, subscription: Subscription) -> str:
    secrets = (subscription.endpoint, subscription.keys.p256dh, subscription.keys.auth)
    return reason_given(answer, secrets)
