"""The calls of the platform's documents: where each stands, and a request that it takes.

`seed` is the platform's overview by its line; other words are its pages. APPLICATION, MESSAGE and PRESET
stand for codes of the account that asks.
"""

from typing import Any, NamedTuple

APPLICATION, MESSAGE, PRESET = "<application>", "<message>", "<preset>"
SHOP = "https://shop.example"


class DocumentedCall(NamedTuple):
    """One call.

    Attributes:
        source: Where it is documented.
        method: Its name, below /json/1.3/; a POST.
        request: Fields that it takes, right ones; without the token.
        response: Names that its response has; None for a response that is null.
    """

    source: str
    method: str
    request: dict[str, Any]
    response: tuple[str, ...] | None


NOTIFICATION = {
    "send_date": "now",
    "content": {"en": "Hello", "de": "Hallo"},
    "title": "Sale",
    "ignore_user_timezone": True,
    "timezone": "Europe/Berlin",
    "campaign": "Autumn",
    "link": SHOP,
    "data": {"sku": 7},
    "send_rate": 100,
    "platforms": [10, 11, 12],
    "devices": ["w-1"],
    "users": ["u-1"],
    "conditions_operator": "AND",
    "dynamic_content_placeholders": {"Name": "Ada"},
    "chrome_title": "Sale",
    "chrome_icon": f"{SHOP}/i.png",
    "chrome_image": f"{SHOP}/p.png",
    "chrome_gcm_ttl": 3600,
    "chrome_duration": 0,
    "chrome_button_text1": "Buy",
    "chrome_button_url1": SHOP,
    "chrome_root_params": {"a": 1},
    "firefox_title": "Sale",
    "firefox_icon": f"{SHOP}/i.png",
    "firefox_root_params": {"a": 1},
}
"""Source: messages-api, api-prerequisites."""

SERVER_CALLS = (
    DocumentedCall(
        "seed 31, messages-api",
        "createMessage",
        {"application": APPLICATION, "notifications": [NOTIFICATION]},
        ("Messages",),
    ),
    DocumentedCall(
        "pypushwoosh createTargetedMessage",
        "createTargetedMessage",
        {"devices_filter": f'A("{APPLICATION}") * T("Age", GTE, 18)', "content": "Hello", "send_date": "now"},
        ("MessageCode",),
    ),
    DocumentedCall("message-statistics", "getMessageDetails", {"message": MESSAGE}, ("message",)),
    DocumentedCall("messages-api", "deleteMessage", {"message": MESSAGE}, None),
    DocumentedCall("statistics-api-v1", "getMsgStats", {"message": MESSAGE}, ("request_id",)),
    DocumentedCall(
        "scheduled-requests",
        "getResults",
        {"request_id": f"message.{MESSAGE}"},
        ("formatter", "rows", "conversion"),
    ),
    DocumentedCall("applications", "createApplication", {"title": "new.example"}, ("application",)),
    DocumentedCall("applications", "updateApplication", {"application": APPLICATION, "title": "Shop"}, None),
    DocumentedCall("applications", "getApplication", {"application": APPLICATION}, ("application",)),
    DocumentedCall("applications", "getApplications", {}, ("applications",)),
    DocumentedCall(
        "filters",
        "createFilter",
        {
            "name": "New",
            "application": APPLICATION,
            "conditions": [["Age", "GTE", 18]],
            "operator": "AND",
            "filter_expression": 'T("Age", gte, 18)',
        },
        ("name",),
    ),
    DocumentedCall("filters", "listFilters", {}, ("filters",)),
    DocumentedCall("filters", "deleteFilter", {"name": "Adults", "application": APPLICATION}, None),
    DocumentedCall(
        "pypushwoosh compileFilter",
        "compileFilter",
        {"devices_filter": f'A("{APPLICATION}")'},
        ("devices", "devices_filter"),
    ),
    DocumentedCall("tags", "addTag", {"tag": {"name": "Age", "type": 1}}, ("result",)),
    DocumentedCall("tags", "listTags", {}, ("tags",)),
    DocumentedCall(
        "presets",
        "createPreset",
        {
            "name": "New",
            "applicationCode": APPLICATION,
            "content": {
                "message": "Hello",
                "title": "Sale",
                "action": {"type": "url", "options": {"url": SHOP}},
            },
            "scheduling": {},
            "segmentation": {"platforms": [10, 11, 12]},
        },
        ("preset_code",),
    ),
    DocumentedCall("presets", "getPreset", {"preset_code": PRESET}, ("preset_code", "name", "content")),
    DocumentedCall("presets", "listPresets", {"application": APPLICATION}, ("presets",)),
    DocumentedCall("presets", "deletePreset", {"preset_code": PRESET}, None),
)

_DEVICE: dict[str, Any] = {
    "application": APPLICATION,
    "hwid": "w-1",
    "userId": "u-1",
    "device_type": 11,
    "timezone": 3600,
    "language": "de",
}

DEVICE_CALLS = (
    DocumentedCall("device-api", "registerDevice", {**_DEVICE, "tags": {"Age": 1}}, None),
    DocumentedCall("device-api", "unregisterDevice", _DEVICE, None),
    DocumentedCall("device-api", "deleteDevice", _DEVICE, None),
    DocumentedCall("web SDK checkDevice", "checkDevice", _DEVICE, ("exist", "push_token_exist")),
    DocumentedCall("web SDK getConfig", "getConfig", {**_DEVICE, "features": ["vapid_key"]}, ("features",)),
    DocumentedCall("device-api", "applicationOpen", _DEVICE, None),
    DocumentedCall("device-api", "registerUser", {**_DEVICE, "tz_offset": 3600}, None),
    DocumentedCall("device-api", "setTags", {**_DEVICE, "tags": {"Age": 1}}, None),
    DocumentedCall("device-api", "getTags", _DEVICE, ("result",)),
    DocumentedCall("device-api", "pushStat", {**_DEVICE, "hash": "x"}, None),
    DocumentedCall("web SDK messageDeliveryEvent", "messageDeliveryEvent", {**_DEVICE, "hash": "x"}, None),
    DocumentedCall("user-centric-api", "postEvent", {**_DEVICE, "event": "Visit", "attributes": {}}, None),
    DocumentedCall("web SDK pageVisit", "pageVisit", _DEVICE, None),
    DocumentedCall(
        "message-inbox", "getInboxMessages", _DEVICE, ("messages", "next", "deleted", "new_inbox")
    ),
    DocumentedCall("message-inbox", "inboxStatus", _DEVICE, None),
    DocumentedCall("web SDK recordPopupFormEvent", "recordPopupFormEvent", {**_DEVICE, "event": 1}, None),
    DocumentedCall("web SDK setPurchase", "setPurchase", {**_DEVICE, "price": 1}, None),
    DocumentedCall("device-api", "setBadge", {**_DEVICE, "badge": 1}, None),
    DocumentedCall("device-api", "getNearestZone", {**_DEVICE, "lat": 1, "lng": 1}, None),
    DocumentedCall("email-api", "setEmailTags", _DEVICE, None),
    DocumentedCall("email-api", "registerEmail", _DEVICE, None),
    DocumentedCall("device-api", "registerSmsNumber", _DEVICE, None),
)

REFUSED_CALLS = (
    *("getPushHistory", "getMessageLog", "getMsgPlatformsStats", "getAppStats", "getCampaignStats"),
    *("deleteTag", "deleteApplication", "configureApplication"),
    *("getPopupFormContent", "multiRegisterDevice"),
)
"""Calls of the platform that are answered with a refusal."""


def filled(tree: Any, codes: dict[str, str]) -> Any:
    """Put the codes of an account in place."""
    match tree:
        case str():
            for name, code in codes.items():
                tree = tree.replace(name, code)
            return tree
        case dict():
            return {name: filled(each, codes) for name, each in tree.items()}
        case list():
            return [filled(each, codes) for each in tree]
    return tree
