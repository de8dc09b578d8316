"""A right request of each call of each platform, for tests that make something else of it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from campaigns.api.gateway import Handled
from tests.campaigns.adapters.own.support import SHOP, OwnApi
from tests.campaigns.adapters.pushary import calls as pushary
from tests.campaigns.adapters.pushary.support import BASE, PusharyApi
from tests.campaigns.adapters.pushpilot.support import CAMPAIGNS, SHOWN, PushPilotApi
from tests.campaigns.adapters.pushwoosh import calls as pushwoosh
from tests.campaigns.adapters.pushwoosh.support import PushwooshApi, keys
from tests.campaigns.adapters.sendpulse import calls as sendpulse
from tests.campaigns.adapters.sendpulse.support import TASK, SendPulseApi
from tests.campaigns.adapters.truepush.support import TruepushApi
from tests.campaigns.api.support import said

Values = Mapping[str, str]


class Request(NamedTuple):
    """A request that is right.

    Attributes:
        name: Of its route.
        method: HTTP's.
        path: With the query.
        body: An object of JSON; None for none.
        token: Whether it shows one; a device does not.
    """

    name: str
    method: str
    path: str
    body: dict[str, Any] | None = None
    token: bool = True


class World(NamedTuple):
    """A platform's API, and a right request of each of its calls.

    Attributes:
        api: The API, with a token that may do everything.
        requests: One for each call.
        platform: Whose it is.
    """

    api: OwnApi
    requests: list[Request]
    platform: str


async def unbounded(api: OwnApi) -> None:
    """Let all credentials ask as often as they want."""
    async with api.database.connection() as connection:
        await connection.execute("UPDATE credential SET rate = 1000000")


def filled(tree: Any, values: Values) -> Any:
    """Put ids in the place of their names in braces."""
    match tree:
        case str():
            for name, value in values.items():
                tree = tree.replace(f"{{{name}}}", value)
            return tree
        case dict():
            return {name: filled(each, values) for name, each in tree.items()}
        case list():
            return [filled(each, values) for each in tree]
    return tree


# ── each platform ───────────────────────────────────────────────────────────────────────────────────────────


SENDPULSE_MORE = {
    "filter_region": ["DE", "US"],
    "filter_url": {"type": "include", "search": ["/shop"]},
    "filter_subscription_date_from": "2026-01-01",
    "filter_subscription_date_to": "2026-12-31 10:00:00",
    "send_date": "2026-11-22 10:00:00",
    "buttons": [{"text": "Buy", "link": SHOP}],
    "icon": {"name": "a.png", "data": ""},
    "image": {"name": "a.png", "data": ""},
}


async def sendpulse_world(database: Any) -> World:
    api = SendPulseApi(database)
    await api.join()
    site = await api.site()
    came = await api.subscriber(site, attributes={"uname": "Ada", "age": 7}, language="en-us")
    made = said(await api.ask("POST", "/push/tasks", {**TASK, "website_id": site}))
    values = {"website": str(site), "subscriber": str(came.number), "task": str(made["id"])}
    values |= {"client_id": api.client[0], "client_secret": api.client[1]}
    requests = [
        Request(
            f"{call.method} {call.path}",
            call.method,
            call.path.format(**values),
            filled({**call.fields, **(SENDPULSE_MORE if "ttl" in call.fields else {})}, values) or None,
        )
        for call in (*sendpulse.CALLS, *sendpulse.NEWER)
    ]
    return World(api, requests, "sendpulse")


PUSHARY_MORE: Mapping[str, dict[str, Any]] = {
    "POST /send": {
        "subscriberIds": ["{subscriber}"],
        "externalIds": ["u1"],
        "tags": ["a"],
        "data": {"a": {"b": 1}},
        "metadata": {"a": 1},
        "idempotencyKey": "k1",
    },
    "Create Campaign": {"scheduledAt": "2026-11-22T10:00:00Z", "tags": ["a"]},
    "Update Campaign": {"scheduledAt": "2026-11-22T10:00:00Z", "status": "draft", "name": "x"},
}


async def pushary_world(database: Any) -> World:
    api = PusharyApi(database)
    await api.join()
    came = await api.subscriber(external_id="u1", tags=("a",))
    draft = {"name": "Autumn", "title": "Sale", "body": "Ends today"}
    values = {"subscriber": f"sub_{came.number}", "flow": "flow_1"}
    values["campaign"] = (await api.call("POST", "/campaigns", draft))["id"]
    values["template"] = (await api.call("POST", "/templates", draft))["id"]
    values["sending"] = values["paused"] = values["campaign"]
    requests = [
        Request(
            call.heading,
            call.method,
            BASE + call.path.format(**values),
            filled({**call.fields, **PUSHARY_MORE.get(call.heading, {})}, values) or None,
        )
        for call in pushary.CALLS
    ]
    return World(api, requests, "pushary")


PUSHPILOT_BODY = {
    "name": "Autumn",
    "description": "All of it",
    "notification": {**SHOWN, "icon": f"{SHOP}/i.png", "actions": [{"title": "Buy", "url": SHOP}]},
    "startAt": "2026-11-22T10:00:00.000Z",
    "endsAt": "2026-12-22T10:00:00.000Z",
    "options": {
        "queryParams": {"utm_source": "x"},
        "filters": {"countries": ["de"], "platforms": ["desktop"], "browsers": ["chrome"]},
    },
}


async def pushpilot_world(database: Any) -> World:
    api = PushPilotApi(database)
    await api.onboard()
    await unbounded(api)
    made = await api.create()
    body = {**PUSHPILOT_BODY, "frequency": "0 9 * * *"}
    one = f"{CAMPAIGNS}/{made['id']}"
    requests = [
        Request("list websites", "GET", "/pushpilot/websites"),
        Request("list", "GET", f"{CAMPAIGNS}?page=1&perPage=10&search=a"),
        Request("create", "POST", CAMPAIGNS, {"websiteId": str(api.site), **body}),
        Request("get", "GET", one),
        Request("change", "PATCH", one, body),
        Request("put", "PUT", one, PUSHPILOT_BODY),
        Request("launch", "POST", f"{one}/launch"),
        Request("pause", "POST", f"{one}/pause"),
        Request("copy", "POST", f"{one}/copy?websiteId={api.site}"),
        Request("delete", "DELETE", one),
    ]
    return World(api, requests, "pushpilot")


TRUEPUSH_SHOWN = {
    "title": "Hello",
    "message": "It is autumn.",
    "link": f"{SHOP}/new",
    "buttons": [{"text": "one", "link": SHOP}, {"text": "two", "link": SHOP}],
    "tags": ["tag1"],
    "userInteraction": True,
    "image": f"{SHOP}/p.png",
    "icon": f"{SHOP}/i.png",
}
TRUEPUSH_CAMPAIGN = {
    **TRUEPUSH_SHOWN,
    "scheduled": True,
    "timings": {"date": "22-11-2026", "time": "10:00"},
    "campaignExpiryTime": 2,
    "segment": "{segment}",
}
TRUEPUSH_TRIGGER = {"name": "New", "note": "n", "templateId": "{template}", "type": "repeated"}
TRUEPUSH_TIMINGS: Mapping[str, dict[str, Any]] = {
    "daily": {"hours": 9, "minutes": 5},
    "weekly": {"week_days": [0], "hours": 9, "minutes": 5},
    "monthly": {"dates": [1], "hours": 9, "minutes": 5},
    "yearly": {"months": [1], "dates": [1], "hours": 9, "minutes": 5},
}
TRUEPUSH_DATES = {"dates": [{"date": "24-10-2027", "time": "17:50"}]}


async def truepush_world(database: Any) -> World:
    api = TruepushApi(database)
    await api.onboard()
    await unbounded(api)
    await api.subscribe("a", "tag1")
    values = {
        "campaign": await api.campaign(),
        "template": await api.template(),
        "segment": await api.segment(),
        "trigger": await api.trigger(),
    }
    base = "/api/v1"
    multiple = {**TRUEPUSH_TRIGGER, "type": "multiple", "timings": TRUEPUSH_DATES}
    requests = [
        Request("createCampaign", "POST", f"{base}/createCampaign", TRUEPUSH_CAMPAIGN),
        Request("createTemplate", "POST", f"{base}/createTemplate", {"name": "Other", **TRUEPUSH_SHOWN}),
        *(
            Request(
                name,
                "POST",
                f"{base}/createTrigger",
                {**TRUEPUSH_TRIGGER, "name": name, "timings": {"sub_type": name, **timings}},
            )
            for name, timings in TRUEPUSH_TIMINGS.items()
        ),
        Request("dates", "POST", f"{base}/createTrigger/", multiple),
        Request("triggerStatus", "PUT", f"{base}/triggerStatus/{values['trigger']}", {"status": "inactive"}),
    ]
    requests = [each._replace(body=filled(each.body, values)) for each in requests]
    return World(api, requests, "truepush")


CONDITIONS = [["Age", "BETWEEN", [1, 7]], ["Name", "NOTIN", ["a"]], ["First Install", "GTE", "3 days ago"]]
SEGMENT = {
    "send_date": "2026-11-22 10:00",
    "content": {"en": "x {Name|CapitalizeFirst|you}"},
    "conditions": CONDITIONS,
    "conditions_operator": "OR",
}
TAGS = {"a": 1, "b": {"operation": "append", "value": ["x"]}, "c": {"operation": "increment", "value": 1}}
DAYS = {"date_from": "2026-01-01", "date_to": "2026-12-31"}
PUSHWOOSH_PARTS = {"params": {"with_details": True, "with_metrics": True}, "per_page": 10, "page": 0}


def _pushwoosh_request(api: PushwooshApi, call: pushwoosh.DocumentedCall, codes: Values) -> Request:
    body = pushwoosh.filled(call.request, dict(codes))
    if call.method == "createMessage":
        body["notifications"] = [each | {"transactionId": "t"} for each in (*body["notifications"], SEGMENT)]
    if "tags" in body:
        body["tags"] = TAGS
    if call.method == "registerDevice":
        body |= {"hwid": "w-2", **keys("w-2")}
    given = body if call in pushwoosh.DEVICE_CALLS else {"auth": api.token, **body}
    return Request(call.method, "POST", f"/json/1.3/{call.method}", {"request": given}, token=False)


async def pushwoosh_world(database: Any) -> World:
    api = await PushwooshApi.begun(database)
    waiting = {"content": "x", "send_date": "2026-11-22 10:00"}
    made = await api.done("createMessage", application=api.application, notifications=[waiting, waiting])
    code, other = made["Messages"]
    shown = {"message": "Hello"}
    preset = await api.done("createPreset", name="Old", applicationCode=api.application, content=shown)
    adults = [["Age", "GTE", 18]]
    await api.done("createFilter", name="Adults", application=api.application, conditions=adults)
    await api.subscribe("w-1")
    codes = {
        pushwoosh.APPLICATION: api.application,
        pushwoosh.MESSAGE: code,
        pushwoosh.PRESET: preset["preset_code"],
    }
    requests = [_pushwoosh_request(api, call, codes) for call in pushwoosh.SERVER_CALLS]
    requests += [_pushwoosh_request(api, call, codes) for call in pushwoosh.DEVICE_CALLS]
    found = {"filters": {"application": api.application, "date_range": DAYS}, **PUSHWOOSH_PARTS}
    requests += [
        Request("list", "POST", "/api/v2/messages:list", found),
        Request("totals", "POST", "/api/v2/statistics/messages/totalsByIntervals", {"message_code": code}),
        Request("cancel", "POST", "/messaging/v2/cancel", {"message_code": other}),
    ]
    return World(api, requests, "pushwoosh")


WORLDS: Mapping[str, Callable[[Any], Awaitable[World]]] = {
    "sendpulse": sendpulse_world,
    "pushary": pushary_world,
    "truepush": truepush_world,
    "pushpilot": pushpilot_world,
    "pushwoosh": pushwoosh_world,
}


# ── asking ──────────────────────────────────────────────────────────────────────────────────────────────────


async def ask(api: OwnApi, request: Request, body: bytes, number: int) -> Handled:
    """Ask as the platform's clients do, each time from another address, so that no limit ends it."""
    more: dict[str, Any] = {
        "address": f"198.{number // 40_000 % 250}.{number // 200 % 200}.{number % 200 + 1}"
    }
    if not request.token:
        more |= {"token": None, "origin": SHOP}
    return await api.ask(request.method, request.path, body, **more)


def is_refused(handled: Handled) -> bool:
    """Whether a request is refused, by HTTP's status or by what the body says."""
    if handled.answer.status >= 400:
        return True
    body = said(handled) if handled.answer.body else {}
    return isinstance(body, dict) and body.get("status_code", 200) != 200
