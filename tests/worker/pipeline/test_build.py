import os
from math import inf

import http_ece
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import base64url
from crypto.aes128gcm import MAX_PLAINTEXT, decrypt
from crypto.errors import SubscriptionKeyError
from crypto.keys import generate_receiver_keys, parse_subscription_keys
from crypto.vapid import TokenCache, generate_vapid_key, verify
from tests.harness.agreement import chosen_agreement
from worker.ledger.ledger import Entry
from worker.pipeline.build import RequestBuilder
from worker.pipeline.delivery import Delivery, Flight, JobContext
from worker.push.message import compile_message
from worker.push.services import Endpoints, HostRule
from worker.push.verdict import Settled
from worker.records.envelope import Partition
from worker.records.job import Lane, SendJob, Urgency
from worker.records.notification import Action, Notification
from worker.records.outcome import Status
from worker.records.recipient import EncodedKeys, Recipient, Subscription
from worker.timing.schedule import make_plan

patient = settings(deadline=None)  # a busy machine is no failure
T = 1_795_251_600.0
RECEIVER = generate_receiver_keys()
VAPID = generate_vapid_key()
ENDPOINT = "https://updates.push.services.mozilla.com/wpush/v2/s3cret-target"
ENDPOINTS = Endpoints([HostRule("push.example", 8443)], any_host=True)
NOTIFICATION = Notification(title="Hi {{name|there}}", url="https://shop.example/")


class FakeKeys:
    """Returns one key, and records what it was asked for."""

    def __init__(self, key=VAPID):
        self.key = key
        self.asked = []

    def for_site(self, vapid_key, site_id):
        self.asked.append((vapid_key, site_id))
        return self.key


class FakeEntropy:
    """Real randomness, recorded."""

    def __init__(self):
        self.given_salts = []

    def salts(self, count):
        made = [os.urandom(16) for _ in range(count)]
        self.given_salts += made
        return made

    def jitter(self):
        raise AssertionError("is not the press's business")


class RecordedAgreement:
    """Real agreement, recorded."""

    name = "recorded"

    def __init__(self):
        self.agreed = []

    def agree(self, receivers):
        made = chosen_agreement().agree(receivers)
        self.agreed += made
        return made


class Bench:
    """A request builder, with everything it was given at hand."""

    def __init__(self, key=VAPID):
        self.keys = FakeKeys(key)
        self.agreement = RecordedAgreement()
        self.entropy = FakeEntropy()
        self.tokens = TokenCache("mailto:ops@example.org")
        self.durations = []
        ticks = iter(range(10**6))
        self.press = RequestBuilder(
            self.keys,
            self.tokens,
            self.agreement,
            self.entropy,
            stopwatch=lambda: float(next(ticks)),
            on_encrypted=self.note_duration,
        )

    def note_duration(self, seconds, times):
        self.durations.append((seconds, times))

    def request(self, delivery, now=T):
        [made] = self.press.requests([delivery], now)
        return made

    def sent(self, delivery, now=T):
        made = self.request(delivery, now)
        assert isinstance(made, Flight)
        return made.request


@pytest.fixture
def bench():
    return Bench()


def subscription(endpoint=ENDPOINT, p256dh=RECEIVER.p256dh, auth=RECEIVER.auth_text):
    return Subscription(endpoint, EncodedKeys(p256dh, auth))


def delivery_of(*, to=None, variables=None, attempts=0, **fields):
    recipient = Recipient("sub_1", subscription() if to is None else to, variables)
    ids = {"job_id": "j", "campaign_id": "c", "site_id": "site_a"}
    content = {} if "payload" in fields else {"notification": NOTIFICATION}
    job = SendJob(v=1, **ids, recipients=[recipient], **content | fields)
    context = JobContext(
        job, make_plan(job, T, 0.0), Lane.NORMAL, compile_message(job), (("h", b"s3cret-header"),)
    )
    entry = Entry(Partition("jobs", 0), 5, 1, 0, context)
    url = recipient.subscription.endpoint if recipient.subscription else ENDPOINT
    return Delivery(context, entry, recipient, 0, None, ENDPOINTS.parse(url), T, T, inf, attempts)


def both_decrypted(body):
    """Decrypt with our own receiver and an independent one; return the plaintext they agree on."""
    ours = decrypt(body, RECEIVER)
    theirs = http_ece.decrypt(
        body, private_key=RECEIVER.private_key, auth_secret=RECEIVER.auth, version="aes128gcm"
    )
    assert ours == theirs
    return ours


# ── what goes out ───────────────────────────────────────────────────────────────────────────────────────


def test_a_request_decrypts_to_the_personalised_text(bench):
    delivery = delivery_of(variables={"name": "Ada 🦆"})
    text = both_decrypted(bench.sent(delivery).body)
    assert text == delivery.job.message.render(delivery.recipient)
    assert '"title":"Hi Ada 🦆"' in text.decode()


@patient
@given(st.text(min_size=1, max_size=900))
def test_any_payload_decrypts_to_itself(payload):
    assert both_decrypted(Bench().sent(delivery_of(payload=payload)).body) == payload.encode()


def test_the_largest_payload_fits_a_body_of_4096_bytes(bench):
    body = bench.sent(delivery_of(payload="x" * MAX_PLAINTEXT)).body
    assert len(body) == 4096
    assert both_decrypted(body) == b"x" * 3993


def test_an_empty_payload_has_no_body_and_costs_no_encryption(bench):
    request = bench.sent(delivery_of(payload=""))
    assert request.body == b""
    assert "Content-Encoding" not in request.headers
    assert [*bench.entropy.given_salts, *bench.agreement.agreed, *bench.durations] == []


def test_every_message_has_its_own_salt_and_key(bench):
    delivery = delivery_of()
    bodies = [bench.sent(delivery).body for _ in range(3)]
    assert [body[:16] for body in bodies] == bench.entropy.given_salts
    assert [body[21:86] for body in bodies] == [each.sender for each in bench.agreement.agreed]
    assert len({body[:86] for body in bodies}) == 3


@pytest.mark.parametrize(
    ("endpoint", "origin"),
    [
        (ENDPOINT, "https://updates.push.services.mozilla.com"),
        ("https://push.example:8443/a", "https://push.example:8443"),
        ("https://FCM.googleapis.com:443/fcm/send/a", "https://fcm.googleapis.com"),
    ],
)
def test_the_token_is_for_the_endpoints_origin(bench, endpoint, origin):
    request = bench.sent(delivery_of(to=subscription(endpoint)))
    claims = verify(request.headers["Authorization"], origin, T)
    assert claims.public_key == VAPID.public
    assert claims.subject == "mailto:ops@example.org"


@patient
@given(st.from_regex(r"[a-zA-Z0-9.-]{1,40}", fullmatch=True))
def test_every_host_that_is_admitted_can_be_signed_for(host):
    try:
        delivery = delivery_of(to=subscription(f"https://{host}/a"))
    except ValueError:
        return  # refused long before it gets here
    made = Bench().sent(delivery)
    assert verify(made.headers["Authorization"], delivery.endpoint.origin.url, T)


def test_a_token_is_signed_once_for_a_key_and_origin(bench):
    tokens = {bench.sent(delivery_of(variables={"name": str(n)})).headers["Authorization"] for n in range(5)}
    assert len(tokens) == bench.tokens.signatures == 1


def test_the_jobs_wishes_go_along(bench):
    headers = bench.sent(delivery_of(urgency=Urgency.HIGH, topic="promo", ttl=100), T + 40).headers
    assert (headers["TTL"], headers["Urgency"], headers["Topic"]) == ("60", "high", "promo")
    assert headers["Content-Type"] == "application/json"
    assert bench.sent(delivery_of(payload="x")).headers["Content-Type"] == "application/octet-stream"


def test_a_flight_knows_what_it_carries(bench):
    delivery = delivery_of(ttl=100)
    flight = bench.request(delivery, T + 0.5)
    assert (flight.delivery, flight.ttl, flight.sent_at) == (delivery, 99, T + 0.5)
    assert flight.request.endpoint is delivery.endpoint


def test_the_key_is_looked_for_by_the_jobs_names(bench):
    bench.sent(delivery_of())
    bench.sent(delivery_of(vapid_key="brand"))
    assert bench.keys.asked == [(None, "site_a"), ("brand", "site_a")]


def test_the_duration_of_each_encryption_is_told(bench):
    bench.sent(delivery_of())
    bench.sent(delivery_of())
    assert bench.durations == [(1.0, 1), (1.0, 1)]
    bench.press.requests([delivery_of(), delivery_of(payload=""), *[delivery_of()] * 3], T)
    assert bench.durations[2:] == [(0.25, 4)]


# ── what cannot ─────────────────────────────────────────────────────────────────────────────────────────

OFF_CURVE = base64url.encode(b"\x04" + b"\x01" * 64)


@pytest.mark.parametrize(
    "keys",
    [
        {"p256dh": ""},
        {"auth": ""},
        {"p256dh": "not base64url!"},
        {"p256dh": RECEIVER.p256dh[:-4]},
        {"p256dh": OFF_CURVE},
        {"auth": RECEIVER.auth_text + "AA"},
        {"auth": "ä" * 22},
    ],
)
def test_keys_that_cannot_be_used(bench, keys):
    assert bench.request(delivery_of(to=subscription(**keys))) == Settled(Status.INVALID, "bad_keys")
    # an empty body needs no key, but the subscription is just as wrong
    assert bench.request(delivery_of(to=subscription(**keys), payload="")) == Settled(
        Status.INVALID, "bad_keys"
    )


@pytest.mark.parametrize(
    ("fields", "settled"),
    [
        ({"payload": "x" * 3994}, Settled(Status.REJECTED, "payload_too_large")),
        ({"payload": "🦆" * 999}, Settled(Status.REJECTED, "payload_too_large")),
        (
            {"notification": Notification(title="t", url="https://a/", body="{{long}}")},
            Settled(Status.REJECTED, "payload_too_large"),
        ),
        (
            {"notification": Notification(title="{{none}}", url="https://a/")},
            Settled(Status.REJECTED, "bad_title"),
        ),
        (
            {"notification": Notification(title="t", url="http://a/")},
            Settled(Status.REJECTED, "bad_url"),
        ),
        (
            {"notification": Notification("t", "https://a/", actions=[Action("a", "A", "{{none}}")])},
            Settled(Status.REJECTED, "bad_action"),
        ),
        ({"payload": {"text": "{{long}}"}}, Settled(Status.REJECTED, "payload_too_large")),
    ],
)
def test_messages_that_cannot_be_sent(bench, fields, settled):
    assert bench.request(delivery_of(variables={"long": "x" * 10**6}, **fields)) == settled
    assert bench.tokens.signatures == 0


def test_a_site_without_a_key():
    bench = Bench(key=None)
    assert bench.request(delivery_of()) == Settled(Status.INVALID, "no_vapid_key")


@pytest.mark.parametrize("keys", [{"p256dh": ""}, {"auth": ""}])
def test_a_recipient_without_keys(bench, keys):
    assert bench.request(delivery_of(to=subscription(**keys))) == Settled(Status.INVALID, "bad_keys")


def test_each_of_many_gets_its_own_answer_in_its_place(bench):
    deliveries = [
        delivery_of(variables={"name": "Ada"}),
        delivery_of(to=subscription(p256dh=OFF_CURVE)),
        delivery_of(payload=""),
        delivery_of(payload="x" * 3994),
        delivery_of(variables={"name": "Bob"}),
    ]
    ada, off_curve, empty, large, bob = bench.press.requests(deliveries, T)
    assert (ada.delivery, empty.delivery, bob.delivery) == (deliveries[0], deliveries[2], deliveries[4])
    assert b"Hi Ada" in both_decrypted(ada.request.body)
    assert b"Hi Bob" in both_decrypted(bob.request.body)
    assert empty.request.body == b""
    assert off_curve == Settled(Status.INVALID, "bad_keys")
    assert large == Settled(Status.REJECTED, "payload_too_large")
    assert bench.press.requests([], T) == []


def test_one_that_cannot_be_encrypted_costs_only_itself(bench):
    bench.entropy.salts = lambda count: [b"too short", *(os.urandom(16) for _ in range(count - 1))]
    broken, other = bench.press.requests([delivery_of(), delivery_of()], T)
    assert broken == Settled(Status.REJECTED, "internal_error")
    assert both_decrypted(other.request.body)


def test_no_two_of_many_share_a_salt_or_a_key(bench):
    bodies = [made.request.body for made in bench.press.requests([delivery_of()] * 50, T)]
    assert len({body[:16] for body in bodies}) == len({body[21:86] for body in bodies}) == 50


# ── what is shown of it ─────────────────────────────────────────────────────────────────────────────────

SECRETS = [
    RECEIVER.auth_text,
    RECEIVER.p256dh,
    "s3cret",
    VAPID.to_pem().decode().splitlines()[1],
    "vapid t=",
]


def test_no_secret_is_shown_of_anything_on_the_way(bench):
    delivery = delivery_of(payload="s3cret", variables={"name": "s3cret"})
    flight = bench.request(delivery)
    told = [delivery, flight, flight.request, delivery.recipient, delivery.recipient.subscription]
    told += [delivery.job, delivery.job.job, delivery.job.message, delivery.job.plan, delivery.entry]
    told += [bench.press, bench.tokens, VAPID, RECEIVER]
    for shown in told:
        for text in (repr(shown), str(shown), f"{shown}", repr([shown])):
            assert not [secret for secret in SECRETS if secret in text], type(shown).__name__
    assert "sub_1" in repr(flight)
    assert "j" in repr(delivery.job)


def test_no_secret_is_shown_of_a_notification(bench):
    notification = Notification(title="s3cret {{name|s3cret}}", url="https://a/")
    delivery = delivery_of(notification=notification, variables={"name": "s3cret"})
    assert "s3cret" not in repr(delivery) + repr(bench.request(delivery))


@pytest.mark.parametrize(
    "keys", [("s3cret", "s3cret"), (RECEIVER.p256dh, "s3cret"), (OFF_CURVE, RECEIVER.auth_text)]
)
def test_no_error_repeats_a_key(keys):
    with pytest.raises(SubscriptionKeyError) as caught:
        parse_subscription_keys(*keys)
    for text in (repr(caught.value), str(caught.value)):
        assert not [secret for secret in (*SECRETS, OFF_CURVE) if secret in text]
