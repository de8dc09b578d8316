"""What a line of a file of subscribers says, and how one is written: JSON, or a row of CSV.

Besides our own form, it reads those in which libraries keep a subscription: as browsers give it (Push API,
`PushSubscription.toJSON()`), with its keys beside the endpoint, and as PHP's minishlink/web-push has it.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from campaigns.model.device import Device
from campaigns.model.problems import FieldProblem, InvalidError, invalid, reject
from campaigns.model.subscriber import (
    BrowserSubscription,
    PayloadFormat,
    Profile,
    Subscriber,
    folded,
    profile_problems,
    read_subscription,
)
from campaigns.model.zones import Zones
from crypto import base64url
from worker.push.services import Endpoints
from worker.records.values import field_and_problem

_PROFILE = ("hwid", "external_id", "tags", "attributes", "language", "country", "region", "city", "zone")
_DEVICE = ("browser", "os", "platform", "device")
SAID = (*_PROFILE, "landing_url", *_DEVICE, "payload_format")
"""What a line can say of a subscriber beside the subscription."""

_ENDPOINT = "endpoint"
_KEYS = {"p256dh": ("p256dh", "publicKey", "key"), "auth": ("auth", "authToken")}
"""What libraries call the keys where they lie beside the endpoint."""

_OF_SUBSCRIPTIONS = {_ENDPOINT, "keys", *_KEYS["p256dh"], *_KEYS["auth"]}
_IGNORED = {"expirationTime", "contentEncoding", "id", "status", "vapid_key", "created_at", "seen_at"}
"""What says nothing to an import: the rest of what libraries keep, and of what an export writes."""

COLUMNS = ("subscription", *sorted(_OF_SUBSCRIPTIONS), *SAID)
"""What the columns of CSV may be called, besides those that are ignored."""


class _Said(Struct, frozen=True):
    """The types of what a line can say; a number as external id is the text of its digits."""

    hwid: str | None = None
    external_id: str | int | None = None
    tags: tuple[str, ...] | None = None
    attributes: dict[str, Any] | None = None
    language: str | None = None
    country: str | None = None
    region: str | None = None
    city: str | None = None
    zone: str | None = None
    landing_url: str | None = None
    browser: str | None = None
    os: str | None = None
    platform: str | None = None
    device: str | None = None
    payload_format: PayloadFormat = PayloadFormat.NOTIFICATION


Entry = tuple[BrowserSubscription, Profile]


def read_json_line(line: bytes, endpoints: Endpoints, zones: Zones) -> Entry:
    """Read a line of JSON Lines.

    Args:
        line: The line.
        endpoints: Decides which endpoints are allowed.
        zones: The time zones of tzdata.

    Raises:
        InvalidError: It is none that can be imported; names each field that is wrong.
    """
    given = _decoded(line, "")
    if not isinstance(given, dict):
        raise invalid("", "must be a JSON object: a subscription, or one that holds it")
    return _read(given, endpoints, zones)


def read_csv_row(row: Mapping[str, str], endpoints: Endpoints, zones: Zones) -> Entry:
    """Read a row of CSV: an empty cell says nothing, `subscription` and `attributes` are JSON.

    `tags` are a list in JSON, or texts with commas between.

    Raises:
        InvalidError: As for `read_json_line`.
    """
    given: dict[str, Any] = {name: text for name, text in row.items() if text}
    if "attributes" in given:
        given["attributes"] = _decoded(given["attributes"].encode(), "attributes")
    tags = given.get("tags", "")
    if tags.startswith("["):
        given["tags"] = _decoded(tags.encode(), "tags")
    elif tags:
        given["tags"] = [tag.strip() for tag in tags.split(",") if tag.strip()]
    return _read(given, endpoints, zones)


def unknown_columns(columns: list[str]) -> list[str]:
    """Return the columns of CSV that nobody knows."""
    return [column for column in columns if column not in {*COLUMNS, *_IGNORED}]


def write_json_line(subscriber: Subscriber) -> bytes:
    """Write a subscriber as a line that `read_json_line` reads."""
    profile, subscription = subscriber.profile, subscriber.subscription
    said = {name: getattr(profile, name) for name in (*_PROFILE, "landing_url")}
    said |= {name: getattr(profile.device, name) for name in _DEVICE}
    if profile.payload_format is not PayloadFormat.NOTIFICATION:
        said["payload_format"] = profile.payload_format
    line: dict[str, Any] = {"id": str(subscriber.id), "status": subscriber.status}
    line["vapid_key"] = subscriber.vapid_key
    if subscription is not None:
        keys = {"p256dh": subscription.p256dh, "auth": subscription.auth}
        written = {name: base64url.encode(value) for name, value in keys.items()}
        line["subscription"] = {"endpoint": subscription.endpoint, "keys": written}
    line |= {name: value for name, value in said.items() if value not in (None, (), {})}
    return msgspec.json.encode(line | {"created_at": subscriber.created_at, "seen_at": subscriber.seen_at})


def _read(given: dict[str, Any], endpoints: Endpoints, zones: Zones) -> Entry:
    known = {"subscription", *SAID, *_IGNORED} | (set() if "subscription" in given else _OF_SUBSCRIPTIONS)
    reject(FieldProblem(name[:64], "is not known; remove it") for name in given if name not in known)
    subscription = read_subscription(endpoints, _subscription(given))
    try:
        said = msgspec.convert({name: given[name] for name in SAID if name in given}, _Said)
    except msgspec.ValidationError as error:
        raise InvalidError([FieldProblem(*field_and_problem(error))]) from None
    profile = folded(_profile(said))
    reject(profile_problems(profile, zones))
    return subscription, profile


def _subscription(given: Mapping[str, Any]) -> object:
    if "subscription" in given:
        found = given["subscription"]
        found = _decoded(found.encode(), "subscription") if isinstance(found, str) else found
        return _subscription(found) if isinstance(found, dict) else found
    if "keys" in given:
        keys = given["keys"]
    else:
        keys = {
            key: next((given[name] for name in names if name in given), None) for key, names in _KEYS.items()
        }
        keys = {key: value for key, value in keys.items() if value is not None}
    return {_ENDPOINT: given.get(_ENDPOINT), "keys": keys} if _ENDPOINT in given else {"keys": keys}


def _profile(said: _Said) -> Profile:
    fields = {name: getattr(said, name) for name in (*_PROFILE, "landing_url", "payload_format")}
    if said.external_id is not None:
        fields["external_id"] = str(said.external_id)
    device = {name: getattr(said, name) for name in _DEVICE}
    lower = {name: text and text.lower() for name, text in device.items() if name != "device"}
    return Profile(**fields, device=Device(**device | lower))


def _decoded(text: bytes, field: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise invalid(field, "is not JSON") from None
