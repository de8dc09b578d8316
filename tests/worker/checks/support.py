"""Jobs to check, and the findings as a mapping."""

import json

from tests.worker.support import job, recipient
from worker.checks.rules import findings
from worker.push.services import Endpoints

EVERYTHING = {
    "title": "Hello {{name|there}}",
    "body": "for {{name|you}}",
    "url": "https://shop.example/{{sku}}?c={{campaign_id}}",
    "icon": "https://shop.example/i.png",
    "image": "https://shop.example/{{recipient_id}}.png",
    "badge": "https://shop.example/b.png",
    "actions": [
        {"action": "buy", "title": "Buy", "url": "https://shop.example/", "icon": "https://a.example/"}
    ],
    "tag": "promo",
    "lang": "en",
    "dir": "auto",
    "silent": False,
    "renotify": False,
    "require_interaction": True,
    "timestamp": "2026-11-21T09:00:00Z",
    "data": {"any": {"json": ["{{sku}}", 1, None]}},
}


def found(value, endpoints=None):
    """Return all findings, as a mapping of (severity, field) to the problem."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    all_of_them = findings(raw, endpoints or Endpoints())
    told = {(each.severity.value, each.field): each.problem for each in all_of_them}
    assert len(told) == len(all_of_them)
    return told


def people(count, **fields):
    return [recipient(f"sub_{number}", **fields) for number in range(count)]


def sent(**fields):
    return job(notification={"title": "Hi", "url": "https://shop.example/"} | fields)
