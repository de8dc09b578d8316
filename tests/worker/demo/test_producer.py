import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from crypto.errors import PayloadTooLargeError, SubscriptionKeyError
from crypto.keys import generate_receiver_keys, parse_subscription_keys
from worker.demo.contents import ALERT, OFFER, ORDER, RAW, expected_text
from worker.demo.producer import (
    BROKEN,
    FATES,
    SERVICES,
    STRANGER,
    URGENT,
    Fate,
    Who,
    address,
    draft,
    orders,
)
from worker.push.message import BadNotificationError, compile_message
from worker.push.services import EndpointRefusedError, Endpoints, HostRule
from worker.records.job import decode_job
from worker.records.values import RecordError
from worker.simulator.journal import digest

RECEIVER = generate_receiver_keys()
KEYS = {"p256dh": RECEIVER.p256dh, "auth": RECEIVER.auth_text}


def addressed(drafts):
    """The production, with subscriptions that no push service has ever heard of."""
    subscriptions = {
        order: [
            {"endpoint": f"https://localhost:4430/{'/'.join(map(str, order))}/{number}", "keys": KEYS}
            for number in range(count)
        ]
        for order, count in orders(drafts).items()
    }
    return address(drafts, subscriptions)


@pytest.fixture(scope="module")
def drafts():
    return draft(10_000, seed=3)


@pytest.fixture(scope="module")
def production(drafts):
    return addressed(drafts)


@pytest.fixture(scope="module")
def fates(drafts):
    return {
        Who(each.job["job_id"], recipient.id): recipient.fate
        for each in drafts
        for recipient in each.recipients
    }


@pytest.fixture(scope="module")
def decoded(production):
    """Every recipient as the worker reads it, with its compiled job."""
    found = {}
    for record in production.records:
        if record in BROKEN:
            continue
        read = decode_job(record.value)
        assert not read.flaws
        assert record.key == read.job.job_id
        message = compile_message(read.job)
        found |= {Who(read.job.job_id, each.id): (each, message) for each in read.job.recipients}
    return found


# ── who gets what ───────────────────────────────────────────────────────────────────────────────────────────


def test_every_fate_has_exactly_its_share(fates):
    counts = Counter(fates.values())
    faulty = {fate: round(row.share * 10_000) for fate, row in FATES.items() if fate is not Fate.SENT}
    assert counts == {**faulty, Fate.SENT: 10_000 - sum(faulty.values())}
    assert set(counts) == set(Fate)


@pytest.mark.parametrize(
    ("notifications", "records", "last"), [(1, 1, 1), (99, 1, 99), (100, 1, 100), (101, 2, 1)]
)
def test_records_hold_a_hundred_and_the_last_one_the_rest(notifications, records, last):
    drafts = draft(notifications, seed=0)
    assert len(drafts) == records
    assert len(drafts[-1].recipients) == last
    assert sum(len(each.recipients) for each in drafts) == notifications


def test_the_seed_decides_everything(drafts):
    assert draft(10_000, seed=3) == drafts
    assert draft(10_000, seed=4) != drafts


def test_ids_are_unique(drafts, fates):
    assert len({each.job["job_id"] for each in drafts}) == len(drafts)
    assert len({who.recipient_id for who in fates}) == 10_000


def test_sites_lanes_and_contents_are_all_there(drafts):
    assert {each.job["site_id"]: each.job.get("vapid_key") for each in drafts} == {
        "books": None,
        "weather": "weather-2026",
        "games": None,
    }
    assert Counter(each.topic for each in drafts)[URGENT] == 10
    assert any("payload" in each.job for each in drafts)
    assert len({each.job["notification"]["title"] for each in drafts if "notification" in each.job}) == 3


# ── who is where ────────────────────────────────────────────────────────────────────────────────────────────


def test_orders_are_for_the_sites_own_key_except_where_the_wrong_one_is_meant(drafts):
    for each in drafts:
        for recipient in each.recipients:
            order, fate = recipient.order, recipient.fate
            assert (order.key == STRANGER) is (fate is Fate.WRONG_KEY)
            assert order.gone is (fate is Fate.GONE)
            # Apple's answer to that is one that the worker knows from Apple's own hosts alone.
            assert not (order.service == "apple" and fate is Fate.WRONG_KEY)
    assert sum(orders(drafts).values()) == 10_000
    assert {order.service for order in orders(drafts)} == set(SERVICES)


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


# ── texts ───────────────────────────────────────────────────────────────────────────────────────────────────

IDS = {"v": 1, "job_id": "job-1", "campaign_id": "camp-1", "site_id": "books"}


def text(content, **variables):
    return expected_text({**IDS, **content.fields}, "sub-1", variables).decode()


def test_a_notification_in_full():
    shown = json.loads(text(ORDER, order="#1 / A", name="Zoë", parcels=2, paid=True, total=19.5))
    assert shown == {
        "web_push": 8030,
        "notification": {
            "title": "Hello Zoë 👋",
            "navigate": "https://shop.example/orders/%231%20%2F%20A?c=camp-1&to=sub-1",
            "body": "Order #1 / A: 2 parcels, 19.5 €, paid: true 🚚",
            "icon": "https://cdn.example/icons/books.png",
            "tag": "order-#1 / A",
            "lang": "en",
            "renotify": True,
            "requireInteraction": True,
            "timestamp": datetime(2026, 11, 21, 9, tzinfo=UTC).timestamp() * 1000,
            "data": {
                "order": "#1 / A",
                "list": ["Zoë", 1, 2.5, True, None],
                "{{kept}}": "as it is",
                "pushmill": {"job_id": "job-1", "campaign_id": "camp-1", "recipient_id": "sub-1"},
            },
        },
    }


def test_fallbacks_and_what_has_none():
    shown = json.loads(text(OFFER, headline="H", link="https://shop.example/?a=%20"))
    assert shown["mutable"] is True
    notification = shown["notification"]
    assert notification["body"] == "Only today in your town — don't wait 💸"
    assert notification["navigate"] == "https://shop.example/?a=%20"
    assert notification["image"] == "https://cdn.example/anywhere/none.webp"
    assert notification["actions"][0] == {
        "action": "buy",
        "title": "Buy it 🛒",
        "navigate": "https://shop.example/buy/all",
    }


def test_text_beyond_ascii_is_not_escaped():
    assert "⚠️ Tormenta en São Paulo" in text(ALERT, city="São Paulo")


def test_a_payload_is_left_alone():
    assert text(RAW) == '{{name}} stays as it is 🧾\n{"kind": "raw", "n": 1}'


def test_built_in_names_win():
    assert '"recipient_id":"sub-1"' in text(ORDER, order="1", recipient_id="somebody else")
