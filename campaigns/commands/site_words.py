"""What is told of a new site: for programs in the shape that they read, for people what they can use.

Decides which platforms' ids and credentials people are shown. Asks nobody.
"""

from typing import Any

from campaigns.api.routes import ADAPTERS
from campaigns.model.credential import CredentialKind
from campaigns.model.ids import Kind, spell
from campaigns.operations.onboarding import OnboardedSite
from campaigns.sdk.snippet import Snippet


def served() -> set[str]:
    """Return the names of the APIs that this release answers."""
    return {route.adapter.name for routes in ADAPTERS for route in routes}


def added_json(made: OnboardedSite, text: Snippet) -> dict[str, Any]:
    """Tell all of it, platforms that are not served yet included."""
    return {
        "site": spell(Kind.SITE, made.added.site.id),
        "vapid_key": made.added.site.vapid_key,
        "ids": made.ids,
        "credentials": _credentials(made),
        "vapid_public_key": made.added.public_key,
        "snippet": str(text),
    }


def _credentials(made: OnboardedSite) -> dict[str, dict[str, str]]:
    tokens = made.tokens
    client_id, _, client_secret = tokens[CredentialKind.SENDPULSE].partition(":")
    return {
        "own": {"key": tokens[CredentialKind.OWN]},
        "sendpulse": {"client_id": client_id, "client_secret": client_secret},
        "pushary": {"key": tokens[CredentialKind.PUSHARY]},
        "truepush": {"token": tokens[CredentialKind.TRUEPUSH]},
        "pushpilot": {"key": tokens[CredentialKind.PUSHPILOT]},
        "pushwoosh": {"api_token": tokens[CredentialKind.PUSHWOOSH], "device_token": made.device_token},
    }


def added_lines(made: OnboardedSite, text: Snippet) -> list[str]:
    """Tell what its owner needs."""
    site, apis = made.added.site, served()
    number = spell(Kind.SITE, site.id)
    secrets = [
        f"  {platform:<10} {name:<14} {secret}"
        for platform, parts in _credentials(made).items()
        for name, secret in parts.items()
        if platform in apis
    ]
    ids = ", ".join(f"{platform} {text}" for platform, text in made.ids.items() if platform in apis)
    return [
        f"site        {number}  {site.url}",
        f"key         {site.vapid_key}",
        f"public key  {made.added.public_key}",
        *([f"ids         {ids}"] if ids else []),
        "",
        "Credentials, shown this once:",
        *secrets,
        "",
        _identity_line(made, number),
        "",
        str(text).rstrip(),
    ]


def _identity_line(made: OnboardedSite, number: str) -> str:
    if made.added.identity_secret:
        return f"Proofs of identity  pushmill campaigns sites show {number} --identity-secret"
    return "Identity is open: whoever says it is a user is believed"
