"""The parameters of the own API's paths: ids in their one spelling, tokens and words."""

from collections.abc import Mapping
from functools import partial

from campaigns.adapters.routes import Parameter
from campaigns.model.ids import Kind, read, read_launch
from campaigns.model.tokens import TOKEN_LENGTH

_HASH_LENGTH = 64
_HEX = frozenset("0123456789abcdef")
_NUMBER = "(0|[1-9][0-9]{0,15})"


def _id(kind: Kind, about: str) -> Parameter:
    return Parameter(partial(read, kind), f"{kind}_{_NUMBER}", about)


def _token(text: str) -> str | None:
    return text if len(text) == TOKEN_LENGTH else None


def _button(text: str) -> str | None:
    return text if text in {"body", "0", "1"} else None


def _hash(text: str) -> bytes | None:
    return bytes.fromhex(text) if len(text) == _HASH_LENGTH and {*text} <= _HEX else None


def _file(text: str) -> str | None:
    return text if text.endswith(".js") else None


PARAMETERS: Mapping[str, Parameter] = {
    "site": _id(Kind.SITE, "Id of a site."),
    "credential": _id(Kind.CREDENTIAL, "Id of a credential."),
    "subscriber": _id(Kind.SUBSCRIBER, "Id of a subscriber."),
    "campaign": _id(Kind.CAMPAIGN, "Id of a campaign."),
    "segment": _id(Kind.SEGMENT, "Id of a segment."),
    "template": _id(Kind.TEMPLATE, "Id of a template."),
    "launch": Parameter(read_launch, f"launch_{_NUMBER}_[a-z2-7]{{8}}", "Id of a launch."),
    "token": Parameter(_token, "[A-Za-z0-9_-]{34}", "The token of one push."),
    "button": Parameter(_button, "body|0|1", "What was clicked: the notification, or one of its buttons."),
    "hash": Parameter(_hash, "[0-9a-f]{64}", "SHA-256 of a picture."),
    "file": Parameter(_file, "[a-z]+[.]js", "Name of a file of the SDK."),
}
"""By name."""
