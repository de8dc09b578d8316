"""The calls of Pushwoosh's API from devices, which show a token in a header, or none.

Source of the calls: the platform's pages of the device API and of user-centric calls, and npm
web-push-notifications 3.55, whose page sends them as text/plain, and with credentials where it has a token.
"""

from campaigns.adapters.own.sites import allows_any_origin
from campaigns.adapters.pushwoosh import devices
from campaigns.adapters.pushwoosh.adapter import DEVICES
from campaigns.adapters.pushwoosh.devices import DeviceRequest
from campaigns.adapters.routes import Handler, Route


def _device(name: str, handle: Handler, summary: str, limit: str = "events") -> Route:
    """Make a row. Any page may call: whose it is the body says, then `device_site` looks at its origin."""
    return Route(
        adapter=DEVICES,
        name=name,
        method="POST",
        path=f"/json/1.3/{name}",
        handle=handle,
        summary=summary,
        request=DeviceRequest,
        media_types=(),
        origin=allows_any_origin,
        limit=limit,
        credentials=True,
    )


SUBSCRIBE = "subscribe"
"""The limit of calls that may make somebody known."""

DEVICE_ROUTES = (
    _device("registerDevice", devices.register, "Subscribe a browser.", SUBSCRIBE),
    _device("unregisterDevice", devices.unregister, "Unsubscribe a browser."),
    _device("deleteDevice", devices.delete, "Erase a browser."),
    _device("checkDevice", devices.check, "Tell whether a browser is known."),
    _device("getConfig", devices.configure, "Tell a browser what to subscribe with."),
    _device("applicationOpen", devices.open_application, "Note that a browser was heard of."),
    _device("registerUser", devices.register_user, "Note who a browser's user is."),
    _device("setTags", devices.set_tags, "Change a browser's tags.", SUBSCRIBE),
    _device("getTags", devices.get_tags, "Tell a browser's tags."),
    _device("pushStat", devices.report_click, "Note that a push was clicked."),
    _device("messageDeliveryEvent", devices.report_shown, "Note that a push was shown."),
    _device("getInboxMessages", devices.get_inbox, "Answer with an empty inbox."),
    _device("getPopupFormContent", devices.get_form, "Answer that there are no pop-ups."),
    _device("multiRegisterDevice", devices.refuse, "Say that this is not known here."),
    *(
        _device(name, devices.pass_over, "Take what this service has no place for.")
        for name in (
            *("postEvent", "pageVisit", "inboxStatus", "recordPopupFormEvent", "setPurchase"),
            *("setBadge", "getNearestZone", "setEmailTags", "registerEmail", "registerSmsNumber"),
        )
    ),
)
