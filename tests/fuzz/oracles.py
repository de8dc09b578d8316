"""Independent readings of the same bytes: plain, slow, by the standard library or another implementation."""

import base64 as _base64
import http.client
import io
import json
import re
import socket
from contextlib import suppress
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import http_ece
import jsonschema
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from crypto.keys import ReceiverKeys
from crypto.vapid import VapidKey
from worker.push import answers
from worker.push.verdict import Settled

SCHEMAS = Path(__file__).parents[2] / "schemas"
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""A folder in memory, if there is one."""

NOT_PLAIN: Final = object()
TOKEN_PROBLEMS = frozenset(
    {
        *("malformed", "bad_key", "bad_signature", "bad_header"),
        *("wrong_audience", "expired", "too_far_ahead", "bad_subject"),
    }
)
_VERDICTS = [
    *answers._EVERYWHERE.values(),
    *answers._BY_CLASS.values(),
    *answers._BY_SERVICE.values(),
    *answers._FAILURES.values(),
]
WORDS = frozenset(each.detail if isinstance(each, Settled) else each.reason for each in _VERDICTS)

# ── JSON ────────────────────────────────────────────────────────────────────────────────────────────────────


class _OddError(ValueError):
    pass


def _odd(_: Any) -> Any:
    raise _OddError


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise _OddError
    return dict(pairs)


def plain_json(data: bytes) -> Any:
    """Decode JSON that has no name twice, no lone surrogate and no NaN; else return `NOT_PLAIN`."""
    try:
        text = data.decode("utf-8")
        tree = json.loads(text, parse_constant=_odd, object_pairs_hook=_once)
        json.dumps(tree, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (ValueError, RecursionError):
        return NOT_PLAIN
    return tree


def is_subscription(tree: Any) -> bool:
    """Whether a value has the fields of a browser's `PushSubscription.toJSON()`."""
    keys = tree.get("keys") if isinstance(tree, dict) else None
    found = [tree.get("endpoint"), keys.get("p256dh"), keys.get("auth")] if isinstance(keys, dict) else [None]
    return all(isinstance(each, str) for each in found)


def names(data: bytes) -> list[str]:
    """Return every name in a JSON text, at any depth."""
    found: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found.extend(name for name, _ in pairs)
        return dict(pairs)

    with suppress(ValueError, RecursionError):
        json.loads(data, object_pairs_hook=note)
    return found


@cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    """Return the validator of a published schema; `$` means the very end there (ECMA-262), not in Python."""
    text = (SCHEMAS / f"{name}.schema.json").read_text().replace('$"', r'\\Z"')
    return jsonschema.Draft202012Validator(json.loads(text))


_BEYOND = re.compile(
    r"value: is nested too deeply"
    r"|notification\.(renotify: needs|data: is nested)"
    r"|payload: is nested"
    r"|slice\.total: is less"
    r"|[^ ]*(start_at|not_after|not_before|timestamp|due_at|at): "
    r"(invalid RFC3339|expected `datetime`.*timezone)"
)


def beyond_schemas(problem: str) -> bool:
    """Whether a value is refused for a rule that, as documented, the worker checks and the schemas do not."""
    return bool(_BEYOND.match(problem))


# ── HTTP ────────────────────────────────────────────────────────────────────────────────────────────────────


class _Wire(io.BytesIO):
    def makefile(self, *_: Any) -> io.BytesIO:
        return self


def http_answer(wire: bytes) -> tuple[int, bytes] | None:
    """Return status and body as the standard library reads them; None if it cannot."""
    source = _Wire(wire)
    try:
        while True:
            answer = http.client.HTTPResponse(source, method="POST")  # type: ignore[arg-type]
            source.close = lambda: None  # type: ignore[method-assign]
            answer.begin()
            codings = answer.headers.get_all("transfer-encoding", [])
            if [each.lower() for each in codings] not in ([], ["chunked"]):
                return None  # it takes the first for all of them; the last one counts (RFC 9112 section 6.3)
            if answer.status >= 200:
                return answer.status, answer.read()
    except (http.client.HTTPException, ValueError, OSError):
        return None


# ── endpoints and addresses ─────────────────────────────────────────────────────────────────────────────────


def authority(url: str) -> tuple[str, int]:
    """Return host and port as the standard library reads them."""
    split = urlsplit(url)
    return split.hostname or "", 443 if split.port is None else split.port


def is_ip_address(host: str) -> bool:
    """Whether any software on the way could read a host as an IP address, in any notation."""
    for reads in (ip_address, socket.inet_aton):
        try:
            reads(host)
        except (ValueError, OSError):
            continue
        return True
    return False


def may_be_public(text: str) -> bool:
    """Whether the standard library, which is less strict, considers an address public."""
    found = ip_address(text)
    carried = getattr(found, "ipv4_mapped", None) or found
    return carried.is_global and not carried.is_multicast


def base64url(text: str) -> bytes:
    return _base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))


# ── templates ───────────────────────────────────────────────────────────────────────────────────────────────

_NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")


def filled(template: str, values: dict[str, str], *, in_url: bool = False) -> str:
    """Fill in a template, character by character."""
    out, at = [], 0
    while at < len(template):
        variable = _variable(template, at)
        if variable is None:
            out.append(template[at])
            at += 1
            continue
        name, fallback, end = variable
        value = values.get(name, fallback)
        alone = at == 0 and end == len(template)
        out.append(quote(value, safe="") if in_url and not alone else value)
        at = end
    return "".join(out)


def _variable(template: str, at: int) -> tuple[str, str, int] | None:
    if not template.startswith("{{", at):
        return None
    begin = _after_spaces(template, at + 2)
    end = begin
    while end < len(template) and template[end] in _NAME:
        end += 1
    name = template[begin:end]
    if not name:
        return None
    end = _after_spaces(template, end)
    if template.startswith("}}", end):
        return name, "", end + 2
    close = template.find("}}", end)
    if not template.startswith("|", end) or close < 0:
        return None
    return name, template[end + 1 : close].strip(), close + 2


def _after_spaces(template: str, at: int) -> int:
    while at < len(template) and template[at].isspace():
        at += 1
    return at


# ── keys and ciphertexts ────────────────────────────────────────────────────────────────────────────────────


def long_lines(data: bytes) -> list[str]:
    return [line for line in data.decode("latin-1").splitlines() if len(line) >= 16]


def es256(key: VapidKey, text: str) -> bytes:
    """Make a signature (RFC 7518 section 3.4)."""
    r, s = decode_dss_signature(key.signer.private_key.sign(text.encode(), ECDSA(SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


def decrypted(encrypted: bytes, receiver: ReceiverKeys) -> bytes:
    """Decrypt with another implementation."""
    return bytes(http_ece.decrypt(encrypted, private_key=receiver.private_key, auth_secret=receiver.auth))
