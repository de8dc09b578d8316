import pytest

from crypto.errors import PayloadTooLargeError, SubscriptionKeyError
from crypto.keys import generate_receiver_keys, parse_subscription_keys
from worker.demo.drafts import Fate, kinds_needed
from worker.demo.producer import BROKEN, RecipientKey, address
from worker.push.message import compile_message
from worker.push.services import EndpointRefusedError, Endpoints, HostRule
from worker.push.template import BadNotificationError
from worker.records.job import decode_job
from worker.records.values import RecordError
from worker.simulator.journal import digest

RECEIVER = generate_receiver_keys()
KEYS = {"p256dh": RECEIVER.p256dh, "auth": RECEIVER.auth_text}


def addressed(drafts):
    """A production with subscriptions that no push service knows."""
    subscriptions = {
        kind: [
            {"endpoint": f"https://localhost:4430/{'/'.join(map(str, kind))}/{number}", "keys": KEYS}
            for number in range(count)
        ]
        for kind, count in kinds_needed(drafts).items()
    }
    return address(drafts, subscriptions)


@pytest.fixture(scope="module")
def production(drafts):
    return addressed(drafts)


@pytest.fixture(scope="module")
def decoded(production):
    """Every recipient as the worker decodes it, with its compiled message."""
    found = {}
    for record in production.records:
        if record in BROKEN:
            continue
        read = decode_job(record.value)
        assert not read.flaws
        assert record.key == read.job.job_id
        message = compile_message(read.job)
        found |= {RecipientKey(read.job.job_id, each.id): (each, message) for each in read.job.recipients}
    return found


def test_the_worker_reads_every_job(decoded, production):
    assert decoded.keys() == production.expected.keys()


def test_each_endpoint_belongs_to_one_recipient(production):
    assert len({each.endpoint for each in production.expected.values()}) == 10_000


def test_what_is_sent_reads_as_the_worker_renders_it(decoded, production):
    due = {who: each for who, each in production.expected.items() if each.digest is not None}
    assert {each.status for each in due.values()} == {"sent"}
    for who, each in due.items():
        recipient, message = decoded[who]
        assert digest(message.render(recipient)) == each.digest, message.render(recipient)


def test_what_is_not_to_be_sent_has_no_text(production):
    assert all((each.digest is None) is (each.status != "sent") for each in production.expected.values())


@pytest.mark.parametrize(
    ("fate", "error"), [(Fate.TOO_LONG, PayloadTooLargeError), (Fate.NOT_SHOWABLE, BadNotificationError)]
)
def test_what_cannot_be_sent_cannot_be_rendered(decoded, fates, fate, error):
    for who in [who for who, its in fates.items() if its is fate]:
        recipient, message = decoded[who]
        with pytest.raises(error):
            message.render(recipient)


def test_bad_keys_are_bad_and_all_others_are_good(decoded, fates):
    for who, (recipient, _) in decoded.items():
        keys = recipient.subscription.keys
        if fates[who] is Fate.BAD_KEYS:
            with pytest.raises(SubscriptionKeyError, match="not a point"):
                parse_subscription_keys(keys.p256dh, keys.auth)
        else:
            assert (keys.p256dh, keys.auth) == (KEYS["p256dh"], KEYS["auth"])


def test_foreign_endpoints_are_refused_and_all_others_are_not(decoded, fates):
    endpoints = Endpoints([HostRule("localhost", 4430)])
    for who, (recipient, _) in decoded.items():
        if fates[who] is Fate.FOREIGN_ENDPOINT:
            with pytest.raises(EndpointRefusedError):
                endpoints.parse(recipient.subscription.endpoint)
        else:
            endpoints.parse(recipient.subscription.endpoint)


def test_answers_are_scripted_for_whom_they_are_meant(production, fates):
    wanted = {
        (production.expected[who].endpoint, {Fate.NOT_FOUND: 404, Fate.REFUSED_AS_TOO_LARGE: 413}[fate])
        for who, fate in fates.items()
        if fate in {Fate.NOT_FOUND, Fate.REFUSED_AS_TOO_LARGE}
    }
    assert {(endpoint, status) for _, endpoint, status in production.scripts} == wanted
    assert all(f"/{service}/" in endpoint for service, endpoint, _ in production.scripts)


def test_broken_records_are_broken_as_is_said(production):
    assert set(BROKEN) <= set(production.records)
    for record, code in BROKEN.items():
        with pytest.raises(RecordError) as caught:
            decode_job(record.value)
        assert caught.value.code == code
