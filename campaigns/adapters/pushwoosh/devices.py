"""Calls from devices: each about one hwid, which is a name, not a proof; `operations.devices` heeds that.

What belongs to mail, messengers, purchases, in-app messages and the inbox is answered, and kept nowhere.
Source: npm web-push-notifications 3.55, pypushwoosh 0.3.1 and the platform's page of the device API.
"""

import re
from typing import Any

from msgspec import Struct, field

from campaigns.adapters.pushwoosh.applications import device_site
from campaigns.adapters.pushwoosh.device_tags import read_tags, set_now, told
from campaigns.adapters.pushwoosh.platforms import BROWSERS
from campaigns.adapters.pushwoosh.words import refused
from campaigns.adapters.refusals import Reason, RefusedError
from campaigns.adapters.routes import Call
from campaigns.model.device import Device, device_of
from campaigns.model.events import BrowserEvent, EventKind
from campaigns.model.problems import NotFoundError
from campaigns.model.site import Site
from campaigns.model.subscriber import KEY_MAX, PayloadFormat, Profile
from campaigns.model.texts import text_problem
from campaigns.operations import devices as operations
from campaigns.operations.reports import records_of
from campaigns.operations.sites import get_public_site
from campaigns.operations.subscribers import Subscribing

_HOUR = 3_600
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")


class DeviceRequest(Struct, frozen=True, kw_only=True):
    """What every call of a device may say of it.

    Attributes:
        application: The code of its application.
        hwid: The browser's own name for itself.
        user_id: Who its user is; the SDK gives the hwid where it knows none.
        device_type: The platform's number.
        timezone: Seconds east of UTC.
        language: Of the browser.
        tags: By name.
        hash: Of a push.
        push_token: The endpoint of its subscription.
        public_key: The subscription's, in base64.
        auth_token: The subscription's, in base64.
    """

    application: str | None = None
    hwid: str | None = None
    user_id: str | None = field(default=None, name="userId")
    device_type: int | None = None
    timezone: int | None = None
    language: str | None = None
    tags: dict[str, Any] | None = None
    hash: str | None = None
    push_token: str | None = None
    public_key: str | None = None
    auth_token: str | None = None

    def __repr__(self) -> str:
        return "DeviceRequest(…)"


DeviceCall = Call[Any, DeviceRequest]


def hwid_of(request: DeviceRequest) -> str:
    """Return the name of the device.

    Raises:
        RefusedError: It can be none.
    """
    hwid = request.hwid or ""
    problem = text_problem(hwid, KEY_MAX, least=1)
    if problem:
        raise refused("hwid", problem)
    return hwid


def _user_of(request: DeviceRequest) -> str | None:
    user = request.user_id
    return user if user and user != request.hwid else None


# ── subscribing ─────────────────────────────────────────────────────────────────────────────────────────────


async def register(call: DeviceCall) -> None:
    """Subscribe a browser, or confirm that it is subscribed."""
    body = call.body
    hwid = hwid_of(body)
    site = await device_site(call, body.application)
    if body.device_type is not None and body.device_type not in BROWSERS:
        raise refused("device_type", f"must be one of {', '.join(map(str, BROWSERS))}, which are browsers")
    await call.service.admit_subscriber(site.id)
    profile = _profile(call, site, hwid)
    said = Subscribing(
        subscription={
            "endpoint": body.push_token,
            "keys": {"p256dh": body.public_key, "auth": body.auth_token},
        },
        user_agent=_user_agent(call),
        profile=profile,
    )
    await operations.register_device(call.service, site, said, call.now)


def _user_agent(call: DeviceCall) -> str:
    """Return the header of a browser, whose own words are better than a platform's number."""
    agent: str = call.request.headers.get("user-agent", "")
    read = device_of(call.service.read_user_agent(agent)) if agent else Device()
    return agent if read.browser in {name for names in BROWSERS.values() for name in names} else ""


def _profile(call: DeviceCall, site: Site, hwid: str) -> Profile:
    body = call.body
    is_language = body.language is not None and _LANGUAGE.fullmatch(body.language)
    browsers = BROWSERS.get(body.device_type or 0, (None,))
    return Profile(
        hwid=hwid,
        external_id=operations.believed(site, _user_of(body)),
        attributes=set_now(body.tags or {}),
        language=(body.language or "").replace("_", "-") if is_language else None,
        zone=_zone(body.timezone),
        device=Device(browser=browsers[0]),
        payload_format=PayloadFormat.PUSHWOOSH,
    )


def _zone(seconds: int | None) -> str | None:
    """Return a zone for an offset; None where it is no whole number of hours, as zones are called by it.

    The signs of these names are the other way round: https://data.iana.org/time-zones/tzdb/etcetera
    """
    if seconds is None or seconds % _HOUR or not -12 <= seconds // _HOUR <= 14:
        return None
    hours = seconds // _HOUR
    return "Etc/GMT" if hours == 0 else f"Etc/GMT{-hours:+d}"


async def unregister(call: DeviceCall) -> None:
    """Unsubscribe a browser; one that nobody knows has unsubscribed already."""
    hwid = hwid_of(call.body)
    site = await device_site(call, call.body.application)
    await operations.unregister_device(call.service, site, hwid, call.now)


async def delete(call: DeviceCall) -> None:
    """Erase a browser."""
    hwid = hwid_of(call.body)
    site = await device_site(call, call.body.application)
    await operations.erase_device(call.service, site, hwid)


async def check(call: DeviceCall) -> dict[str, bool]:
    """Tell whether a browser is known, and subscribed."""
    hwid = hwid_of(call.body)
    site = await device_site(call, call.body.application)
    found = await operations.get_device(call.service, site, hwid)
    return {
        "exist": found is not None,
        "push_token_exist": found is not None and found.subscription is not None,
    }


async def configure(call: DeviceCall) -> dict[str, Any]:
    """Tell a browser what to subscribe with, and that there are neither pop-ups nor in-app messages."""
    site = await device_site(call, call.body.application)
    found = await get_public_site(call.service, site.id)
    return {
        "features": {
            "vapid_key": found.public_key,
            "page_visit": {"enabled": False, "entrypoint": ""},
            "events": [],
            "subscription_prompt": {"use_case": "not-set"},
            "web_in_apps": {"enabled": False},
            "popup_forms": [],
        }
    }


# ── what is told of a device ────────────────────────────────────────────────────────────────────────────────


async def open_application(call: DeviceCall) -> None:
    """Note that a browser was heard of."""
    hwid = hwid_of(call.body)
    site = await device_site(call, call.body.application)
    await operations.touch_device(call.service, site, hwid, call.now)


async def register_user(call: DeviceCall) -> None:
    """Note who a browser's user is, where the site believes that."""
    hwid = hwid_of(call.body)
    site = await device_site(call, call.body.application)
    user = _user_of(call.body)
    if user is not None:
        await operations.name_user(call.service, site, hwid, user, call.now)


async def set_tags(call: DeviceCall) -> dict[str, list[str]] | None:
    """Change a browser's tags; those of a user, whom nobody has proved to be, are skipped."""
    body = call.body
    site = await device_site(call, body.application)
    if body.tags is None:
        raise refused("tags", "must be an object")
    if not body.hwid:
        return {"skipped": [*body.tags]}
    hwid = hwid_of(body)
    changes, skipped = read_tags(body.tags)
    if await operations.get_device(call.service, site, hwid) is None:
        await call.service.admit_subscriber(site.id)
    profile = _profile(call, site, hwid)
    await operations.tag_device(call.service, site, changes, _without_tags(profile), call.now)
    return {"skipped": skipped} if skipped else None


def _without_tags(profile: Profile) -> Profile:
    return Profile(
        hwid=profile.hwid,
        language=profile.language,
        zone=profile.zone,
        device=profile.device,
        payload_format=profile.payload_format,
    )


async def get_tags(call: DeviceCall) -> dict[str, Any]:
    """Tell a browser's tags; those of a user, whom nobody has proved to be, are not told."""
    body = call.body
    site = await device_site(call, body.application)
    found = await operations.get_device(call.service, site, hwid_of(body)) if body.hwid else None
    return {"result": {} if found is None else told(found)}


# ── what came of a push ─────────────────────────────────────────────────────────────────────────────────────


async def report_shown(call: DeviceCall) -> None:
    """Note that a push was shown."""
    await _report(call, EventKind.SHOWN)


async def report_click(call: DeviceCall) -> None:
    """Note that a push was clicked; the SDK does not say whether that was on a button."""
    await _report(call, EventKind.CLICKED)


async def _report(call: DeviceCall, kind: EventKind) -> None:
    """Note what the token of a push proves; a hash of another service is passed over."""
    await device_site(call, call.body.application)
    event = BrowserEvent(call.body.hash or "", kind, call.now)
    records = await records_of(call.service, call.service.launches, [event], call.now)
    if records:
        await call.service.write_events(records)


# ── what is answered, and kept nowhere ──────────────────────────────────────────────────────────────────────


async def pass_over(call: DeviceCall) -> None:
    """Take what this service has no place for."""
    await device_site(call, call.body.application)
    call.ignored(["call"])


async def get_inbox(call: DeviceCall) -> dict[str, Any]:
    """Answer with an empty inbox."""
    await device_site(call, call.body.application)
    return {"messages": [], "next": "", "deleted": [], "new_inbox": 0}


async def get_form(call: DeviceCall) -> dict[str, Any]:
    """Answer that there are no pop-ups."""
    await device_site(call, call.body.application)
    raise NotFoundError("form")


async def refuse(call: DeviceCall) -> None:
    """Refuse a call that subscribes devices of several kinds at once: to pass it over would lose them."""
    await device_site(call, call.body.application)
    raise RefusedError(Reason.CONFLICT, "This method is not known here; call registerDevice for each device.")
