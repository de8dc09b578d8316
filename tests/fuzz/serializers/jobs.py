"""The valid records to start from: every field, every kind of content, from inputs and tiers."""

from typing import Any, NamedTuple

from crypto.keys import ReceiverKeys
from tests.fuzz.serializers.reading import PUSH_HOSTS
from tests.fuzz.serializers.shapes import CONTROL, JOB, LATER, SUBSCRIPTION, Field

RECEIVERS = {
    name: ReceiverKeys.from_bytes(bytes(range(first, first + 48)))
    for name, first in (("sub_1", 1), ("sub:2", 60), ("sub-3.x", 120))
}
"""The recipients' own keys, by id."""


class Start(NamedTuple):
    """A valid record: the topic that it is for, its tree, and the fields that it may have.

    Attributes:
        waits: Whether it comes ten minutes early, so that its recipients go through a tier.
    """

    topic: str
    tree: dict[str, Any]
    kind: Field
    waits: bool = False


def _recipients(*more: dict[str, Any]) -> list[dict[str, Any]]:
    people = []
    for (name, keys), host, fields in zip(RECEIVERS.items(), PUSH_HOSTS, more, strict=True):
        subscription = {
            "endpoint": f"https://{host}/send/{name.replace(':', '-')}",
            "expirationTime": None,
            "keys": {"p256dh": keys.p256dh, "auth": keys.auth_text},
        }
        people.append({"id": name, "subscription": subscription, **fields})
    return people


_ADA = {"name": "Ada 🎉", "sku": "a/1 ö", "price": 5, "vip": True, "picture": "https://cdn.example/a.png"}
_BOB = {"name": None, "sku": "b&2", "price": 19.5, "vip": False, "picture": "/b.png"}
_PEOPLE = _recipients(
    {"variables": _ADA, "not_before": "2027-01-15T07:00:00Z"},
    {"variables": _BOB},
    {},
)
_IDS = {"v": 1, "job_id": "01JD2ABC", "campaign_id": "camp_1", "site_id": "site_a"}
_NOTIFICATION = {
    "title": "Hello {{name|there}}, 100% 😀",
    "body": "{{price|no price}} for «{{sku}}» {{vip}}",
    "url": "https://shop.example/{{sku|all}}?c={{campaign_id}}&r={{recipient_id}}",
    "icon": "{{picture|/i.png}}",
    "image": "https://cdn.example/{{sku}}.png",
    "badge": "data:image/png,AA",
    "actions": [
        {
            "action": "buy",
            "title": "Buy {{sku}}",
            "url": "https://shop.example/buy/{{sku}}",
            "icon": "/buy.png",
        },
        {"action": "no", "title": "No", "url": "https://shop.example/"},
    ],
    "tag": "promo-{{site_id}}",
    "lang": "en",
    "dir": "auto",
    "silent": False,
    "renotify": True,
    "require_interaction": True,
    "timestamp": "2026-11-21T09:00:00Z",
    "vibrate": [200, 100.5, 200],
    "app_badge": 3,
    "data": {
        "any": ["{{name}}", 1, {"deep {{name}}": "{{ sku | none }}", "nothing": None, "empty": []}],
        "price": 19.99,
        "pushmill": {"batch": 7, "job_id": "mine"},
    },
}
_START_AT = "2027-01-15T07:59:50Z"
_TIMES = {"start_at": _START_AT, "stretch_time": 5, "not_after": "2027-01-16T08:00:00.5Z"}
_ABOUT = {"mutable": False, "ttl": 86_400, "urgency": "high", "topic": "promo-42", "vapid_key": "key_1"}
_WHOLE = {
    **_IDS,
    "notification": _NOTIFICATION,
    **_ABOUT,
    **_TIMES,
    "slice": {"first": 200, "total": 120_000},
    "recipients": _PEOPLE,
}
_SMALL = {
    **_IDS,
    "notification": {"title": "Hi", "url": "https://shop.example/", "icon": "https://shop.example/i.png"},
    "recipients": _PEOPLE,
}
_TEXT = {**_IDS, "payload": "As it is: {{name}} 😀 <é>", "ttl": 60, "recipients": _PEOPLE}
_OBJECT = {
    **_IDS,
    "payload": {
        "head": "{{name|you}} & {{ recipient_id }}",
        "list": [1, 2.5, True, None, "{{price}}", {"a/b": "{{missing|}}"}],
        "url": "https://shop.example/{{sku}}",
    },
    "recipients": _PEOPLE,
}


def _later(job: dict[str, Any], lane: str) -> dict[str, Any]:
    people = [
        {**person, "attempts": index, "number": 300 + index} for index, person in enumerate(job["recipients"])
    ]
    more = {"due_at": "2027-01-15T07:59:51Z", "doubted": False, "keyless_since": "2027-01-15T07:59:00Z"}
    people[0] |= more
    written_out = {"start_at": _START_AT, "stretch_time": 5, "ttl": 86_400}
    return {**job, **written_out, "recipients": people, "lane": lane}


JOBS = {
    "every field": Start("jobs", _WHOLE, JOB),
    "few fields": Start("jobs.urgent", _SMALL, JOB),
    "payload, a text": Start("jobs", _TEXT, JOB),
    "payload, an object": Start("jobs", _OBJECT, JOB),
    "waits, every field": Start("jobs", _WHOLE, JOB, waits=True),
    "waits, an object": Start("jobs.urgent", _OBJECT | {"start_at": _START_AT}, JOB, waits=True),
    "tier, every field": Start("later.1m", _later(_WHOLE, "normal"), LATER),
    "tier, an object": Start("later.10s", _later(_OBJECT, "urgent"), LATER),
}
_PAUSED = {"v": 1, "campaign_id": "camp_1", "state": "paused", "shift": 30, "at": "2027-01-15T07:59:00Z"}
CONTROLS = {
    "control, paused": Start("control", _PAUSED, CONTROL),
    "control, running": Start("control", _PAUSED | {"state": "running", "shift": 12.5}, CONTROL),
}
SUBSCRIPTIONS = {"file for `send`": Start("file", _PEOPLE[0]["subscription"], SUBSCRIPTION)}
