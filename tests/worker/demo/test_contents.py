import json
from datetime import UTC, datetime

from worker.demo.contents import ALERT, OFFER, ORDER, RAW, expected_text

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
