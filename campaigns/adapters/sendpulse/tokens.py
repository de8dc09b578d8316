"""SendPulse's login: an id and a secret give a token for an hour (RFC 6749 section 4.4)."""

from typing import Any, Final

from msgspec import Struct

from campaigns.adapters.refusals import Reason, RefusedError
from campaigns.adapters.routes import Call
from campaigns.adapters.sendpulse.adapter import NO_CLIENT
from campaigns.adapters.sendpulse.wire import PLATFORM
from campaigns.model.credential import ACCESS_TOKEN_LIFE
from campaigns.model.problems import invalid
from campaigns.operations.access_tokens import issue_access_token

GRANT: Final = "client_credentials"


class TokenRequest(Struct, frozen=True, kw_only=True):
    """Who wants a token.

    Attributes:
        grant_type: `client_credentials` alone.
        client_id: The first half of the credential.
        client_secret: The second one.
    """

    grant_type: str
    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        return "TokenRequest(…)"


class TokenAnswer(Struct, frozen=True, kw_only=True):
    """A token.

    Attributes:
        access_token: Shown from now on.
        token_type: How it is shown.
        expires_in: Seconds.
    """

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - a word of RFC 6750, not a secret
    expires_in: int

    def __repr__(self) -> str:
        return "TokenAnswer(…)"


async def issue(call: Call[Any, TokenRequest]) -> TokenAnswer:
    """Give a token."""
    body = call.body
    if body.grant_type != GRANT:
        raise invalid("grant_type", f"must be {GRANT}")
    token = f"{body.client_id}:{body.client_secret}"
    issued = await issue_access_token(call.service, PLATFORM, token, call.now)
    if issued is None:
        raise RefusedError(Reason.UNAUTHENTICATED, "The client id or its secret is wrong.", what=NO_CLIENT)
    ends_at = issued.credential.expires_at or call.now + ACCESS_TOKEN_LIFE
    return TokenAnswer(access_token=issued.token, expires_in=int((ends_at - call.now).total_seconds()))
