"""Credentials: what a token looks like, how it is looked up, and what whoever shows it may do."""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from campaigns.model.problems import FieldProblem
from campaigns.model.scope import Permission, Scope
from campaigns.model.texts import name_problems

TOKEN_RANDOM_BYTES = 32
"""Random bytes that a token is made from."""

_PREFIX = "pm_"
_CHARACTERS = 40
OWN_RANDOM_BYTES = 29
"""As many as fit into its characters."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TOKEN_MAX = 4_096
"""Characters of a token, whoever made it: one may be taken over from another platform."""


ACCESS_TOKEN_LIFE = timedelta(hours=1)
"""How long an access token can be used: what clients of SendPulse are told, and count on."""


class CredentialKind(StrEnum):
    """Whose API a credential is for."""

    OWN = "own"
    SENDPULSE = "sendpulse"
    PUSHARY = "pushary"
    TRUEPUSH = "truepush"
    PUSHPILOT = "pushpilot"
    PUSHWOOSH = "pushwoosh"


SCOPES = (Permission.READ, Permission.SEND, Permission.SUBSCRIBERS, Permission.SITES)
"""What a credential may do where nobody says: everything but making others."""

DEVICE_SCOPES = (Permission.SUBSCRIBERS,)
"""What Pushwoosh's device token may do, which pages and apps hold."""

ONE_SITE = frozenset({CredentialKind.PUSHARY, CredentialKind.TRUEPUSH})
"""Whose credentials are each for one site: their requests name none."""


class Credential(Struct, frozen=True, kw_only=True):
    """A credential; the token itself is kept nowhere.

    Attributes:
        id: Its number.
        account: Whose it is.
        site: The only site that it is for; None for all of the account's.
        kind: Whose API it is for.
        name: For people.
        scopes: What it may do.
        rate: Requests a minute; None for its API's default.
        parent: The credential that this access token was given for, and dies with.
        created_at: When it was made.
        expires_at: When it ends, if it does.
    """

    id: int
    account: int
    site: int | None
    kind: CredentialKind
    name: str
    scopes: frozenset[Permission]
    rate: int | None = None
    parent: int | None = None
    created_at: datetime
    expires_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Whether it has not ended."""
        return self.expires_at is None or now < self.expires_at

    @property
    def root(self) -> int:
        """The credential that a caller's limits are counted by: many access tokens are one client's."""
        return self.id if self.parent is None else self.parent

    def access_ends_at(self, now: datetime) -> datetime:
        """Return when an access token ends that is given for this credential: never after it."""
        end = now + ACCESS_TOKEN_LIFE
        return end if self.expires_at is None else min(end, self.expires_at)

    @property
    def scope(self) -> Scope:
        """What whoever shows it may do."""
        return Scope(self.account, self.id, self.site, self.scopes)


def new_token(kind: CredentialKind, random: bytes) -> str:
    """Make a token as its platform's are spelled, from `TOKEN_RANDOM_BYTES` random bytes.

    SendPulse's is `client_id:client_secret`, and Pushary's has a half that is public and one that is not.
    """
    first, second = random[:16].hex(), random[16:TOKEN_RANDOM_BYTES].hex()
    match kind:
        case CredentialKind.SENDPULSE:
            return f"{first}:{second}"
        case CredentialKind.PUSHARY:
            return f"pk_{first}.sk_{second}"
    return own_token(random)


def own_token(random: bytes) -> str:
    """Make a token of the own API: `pm_` and 40 characters."""
    return _PREFIX + access_token(random)


def access_token(random: bytes) -> str:
    """Make an access token, as SendPulse's look: 40 letters and digits."""
    number = int.from_bytes(random[:OWN_RANDOM_BYTES])
    digits = []
    for _ in range(_CHARACTERS):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def digest_of(token: str) -> bytes:
    """Return what a token is looked up by: SHA-256 of all of it. Tokens are random, so it needs no salt."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def credential_problems(name: str, scopes: Iterable[str], rate: int | None) -> Iterator[FieldProblem]:
    """Find what is wrong with a credential that is about to be made."""
    if name:
        yield from name_problems(name)
    found = list(scopes)
    if not found:
        yield FieldProblem("scopes", f"must have at least one of {', '.join(Permission)}")
    for index, scope in enumerate(found):
        if scope not in {*Permission}:
            yield FieldProblem(f"scopes[{index}]", f"is not one of {', '.join(Permission)}")
    if rate is not None and not 0 < rate <= 1_000_000:
        yield FieldProblem("rate", "must be from 1 to 1000000 requests a minute")
