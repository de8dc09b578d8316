"""The notifications that the demo sends, and the text that each recipient's browser must receive. Pure.

It does not use the worker's renderer: `expected_text` is a second, plain reading of the contract, so that the
demo does not merely compare the worker with itself.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any
from urllib.parse import quote

Scalar = str | int | float | bool
Variables = dict[str, Scalar]

NAMES = ("Ada", "Zoë", "Grace 🚀", "Владимир", "さくら", 'O\'Neil & "Sons"', "نور")
CITIES = ("Lagos", "São Paulo", "東京", "Łódź")
SWOLLEN = "☃" * 1_500
"""A value longer than the 3,993 bytes of plaintext that every push service accepts."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a record of one kind says, apart from its recipients.

    Attributes:
        fields: Fields of the send job.
        draw: Draws a recipient's variables.
        spoiled: Variables that make the notification impossible to show; empty if there are none.
        swellable: Name of the variable that can make the text too long for a push; empty if there is none.
    """

    fields: Mapping[str, Any]
    draw: Callable[[Random], Variables] = lambda _random: {}
    spoiled: Variables = field(default_factory=dict)
    swellable: str = ""


def _some(random: Random, **values: Scalar) -> Variables:
    """Pick some of the values, so that fallbacks are used as well."""
    return {name: value for name, value in values.items() if random.random() < 0.8}


def _draw_order(random: Random) -> Variables:
    order = f"#{random.randrange(10_000)} / {random.choice('ABC')}"
    optional = _some(random, name=random.choice(NAMES), parcels=random.randint(1, 9), paid=True, total=19.5)
    return {"order": order, **optional}


def _draw_offer(random: Random) -> Variables:
    sku = f"sku-{random.randrange(500)}"
    return {
        "headline": f"🔥 {random.randint(10, 70)} % off, {random.choice(NAMES)}",
        "link": f"https://shop.example/{sku}?utm=a%20b&x=1",
        **_some(random, sku=sku, city=random.choice(CITIES)),
    }


def _draw_alert(random: Random) -> Variables:
    return _some(random, city=random.choice(CITIES), wind=random.randint(80, 160))


ORDER = Content(
    {
        "notification": {
            "title": "Hello {{name|there}} 👋",
            "body": "Order {{order}}: {{parcels|some}} parcels, {{total|?}} €, paid: {{paid|not yet}} 🚚",
            "url": "https://shop.example/orders/{{order}}?c={{campaign_id}}&to={{recipient_id}}",
            "icon": "https://cdn.example/icons/{{site_id}}.png",
            "tag": "order-{{order}}",
            "lang": "en",
            "renotify": True,
            "require_interaction": True,
            "timestamp": "2026-11-21T09:00:00Z",
            "data": {"order": "{{order}}", "list": ["{{name|}}", 1, 2.5, True, None], "{{kept}}": "as it is"},
        },
        "ttl": 3600,
    },
    _draw_order,
    swellable="name",
)
OFFER = Content(
    {
        "notification": {
            "title": "{{headline}}",
            "body": "Only today in {{city|your town}} — {{missing}}don't wait 💸",
            "url": "{{link}}",
            "image": "https://cdn.example/{{city|anywhere}}/{{sku|none}}.webp",
            "actions": [
                {
                    "action": "buy",
                    "title": "Buy {{sku|it}} 🛒",
                    "url": "https://shop.example/buy/{{sku|all}}",
                },
                {"action": "later", "title": "Later", "url": "https://shop.example/later"},
            ],
            "dir": "auto",
            "silent": False,
        },
        "mutable": True,
        "urgency": "low",
    },
    _draw_offer,
    spoiled={"headline": " "},
    swellable="headline",
)
ALERT = Content(
    {
        "notification": {
            "title": "⚠️ Tormenta en {{city|tu región}}",
            "body": "Viento de hasta {{wind|100}} km/h",
            "url": "https://news.example/{{job_id}}",
        },
        "urgency": "high",
        "ttl": 600,
    },
    _draw_alert,
    swellable="city",
)
RAW = Content({"payload": "{{name}} stays as it is 🧾\n" + json.dumps({"kind": "raw", "n": 1}), "ttl": 60})

# Declarative Web Push: the contract's names and the browser's, in the order in which they are sent.
_SHOWN = {
    "title": "title",
    "url": "navigate",
    "body": "body",
    "icon": "icon",
    "image": "image",
    "badge": "badge",
    "actions": "actions",
    "tag": "tag",
    "lang": "lang",
    "dir": "dir",
    "silent": "silent",
    "renotify": "renotify",
    "require_interaction": "requireInteraction",
    "timestamp": "timestamp",
}
_SHOWN_ACTION = {"action": "action", "title": "title", "url": "navigate", "icon": "icon"}
_URLS = {"url", "icon", "image", "badge"}
_VARIABLE = re.compile(r"\{\{([A-Za-z0-9_]+)(?:\|([^{}]*))?\}\}")


def expected_text(job: Mapping[str, Any], recipient_id: str, variables: Variables) -> bytes:
    """Return the exact bytes that the browser of one recipient of a send job must receive."""
    if "payload" in job:
        return str(job["payload"]).encode()
    ids = {name: job[name] for name in ("job_id", "campaign_id")} | {"recipient_id": recipient_id}
    values = {**variables, **ids, "site_id": job["site_id"]}
    notification = job["notification"]
    shown = _renamed(notification, _SHOWN, values)
    shown["data"] = {**_filled(notification.get("data", {}), values), "pushmill": ids}
    message = {"web_push": 8030, "notification": shown}
    if "mutable" in job:
        message["mutable"] = job["mutable"]
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def _renamed(fields: Mapping[str, Any], names: Mapping[str, str], values: Variables) -> dict[str, Any]:
    given = {name: fields[name] for name in names if name in fields}
    return {names[name]: _field(name, value, values) for name, value in given.items()}


def _field(name: str, value: Any, values: Variables) -> Any:
    if name == "actions":
        return [_renamed(action, _SHOWN_ACTION, values) for action in value]
    if name == "timestamp":
        return int(datetime.fromisoformat(value).timestamp() * 1000)
    if name in _URLS and not _VARIABLE.fullmatch(value):
        return _VARIABLE.sub(lambda match: quote(_value(match, values), safe=""), value)
    return _filled(value, values)


def _filled(value: Any, values: Variables) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: _value(match, values), value)
    if isinstance(value, dict):
        return {name: _filled(each, values) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, values) for each in value]
    return value


def _value(match: re.Match[str], values: Variables) -> str:
    value = values.get(match[1], match[2] or "")
    return value if isinstance(value, str) else json.dumps(value)
