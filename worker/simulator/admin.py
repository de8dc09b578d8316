"""The HTTP requests by which another process uses and controls a simulated push service.

| request | body | answer |
|---|---|---|
| ``POST /subscribe`` | none, or ``Subscribe`` | one subscription, or an array if ``count`` was given |
| ``GET /stats`` | | the counters, ``subscriptions`` and ``kept`` rows |
| ``DELETE /stats`` | | resets the counters |
| ``GET /pushes?first=0&count=1000`` | | rows of the journal, the plaintexts in base64 |
| ``GET /repeats`` | | how many pushes it took more than once: same subscription, same plaintext |
| ``GET /faults``, ``POST /faults`` | ``Faults`` | the current fault plan |
| ``POST /script`` | ``Script`` | ``{}`` |

Only the first is open to peers that are not on loopback.
"""

import math
import time
from collections.abc import Callable
from urllib.parse import parse_qs

import msgspec

from worker.simulator.answers import ScriptedAnswer, render
from worker.simulator.connection import Reply
from worker.simulator.faults import Faults
from worker.simulator.intake import Intake
from worker.simulator.rules import ReceivedRequest

_JSON = (("Content-Type", "application/json"),)
_MAX_SUBSCRIPTIONS = 1_000_000


class Subscribe(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /subscribe``; ``expires_in`` is in seconds from now."""

    count: int | None = None
    vapid_public_key: str = ""
    expires_in: float = math.inf


class Script(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /script``; ``subscription`` is a token or an endpoint."""

    subscription: str
    answers: list[ScriptedAnswer]


def administer(intake: Intake, request: ReceivedRequest, *, keep_alive: bool, local: bool) -> Reply | None:
    """Answer a request that is not to a push endpoint; None if there is no such path."""
    path, _, query = request.target.decode("latin-1").partition("?")
    action = ACTIONS.get((request.method, path))
    if action is None:
        return None
    answer = (
        _result(action, intake, request.body, query) if local or path == "/subscribe" else ScriptedAnswer(403)
    )
    return Reply(render(answer, now=time.time(), close=not keep_alive), close=not keep_alive)


def _result(action: "Action", intake: Intake, body: bytes, query: str) -> ScriptedAnswer:
    try:
        result = action(intake, body, query)
    except (ValueError, LookupError) as error:  # msgspec's errors are ValueErrors
        return ScriptedAnswer(400, headers=_JSON, body=_json({"error": str(error)}))
    return ScriptedAnswer(200, headers=_JSON, body=_json(result))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _subscribe(intake: Intake, body: bytes, _query: str) -> object:
    wanted = msgspec.json.decode(body or b"{}", type=Subscribe)
    count = 1 if wanted.count is None else wanted.count
    if not 0 <= count <= _MAX_SUBSCRIPTIONS:
        raise ValueError(f"count must be between 0 and {_MAX_SUBSCRIPTIONS}")
    expires_at = time.time() + wanted.expires_in
    made = [
        intake.subscriptions.add(vapid_public_key=wanted.vapid_public_key, expires_at=expires_at).to_json()
        for _ in range(count)
    ]
    return made[0] if wanted.count is None else made


def _stats(intake: Intake, _body: bytes, _query: str) -> object:
    sizes = {"subscriptions": len(intake.subscriptions), "kept": len(intake.journal)}
    return {"profile": intake.profile.name, **intake.counters.to_json(), **sizes}


def _reset_stats(intake: Intake, _body: bytes, _query: str) -> object:
    intake.counters = intake.counters.fresh()
    return {}


def _pushes(intake: Intake, _body: bytes, query: str) -> object:
    wanted = parse_qs(query)
    first, count = int(wanted.get("first", ["0"])[0]), int(wanted.get("count", ["1000"])[0])
    return list(intake.journal.rows(intake.subscriptions.tokens, max(first, 0), max(count, 0)))


def _repeats(intake: Intake, _body: bytes, _query: str) -> object:
    return {"repeats": intake.journal.repeats()}


def _show_faults(intake: Intake, _body: bytes, _query: str) -> object:
    return intake.plans.faults


def _change_faults(intake: Intake, body: bytes, _query: str) -> object:
    intake.plans.faults = msgspec.json.decode(body, type=Faults)
    return intake.plans.faults


def _script(intake: Intake, body: bytes, _query: str) -> object:
    wanted = msgspec.json.decode(body, type=Script)
    intake.plans.script(intake.subscriptions.named(wanted.subscription), wanted.answers)
    return {}


Action = Callable[[Intake, bytes, str], object]
"""Takes intake, body and query; returns what to answer as JSON."""

ACTIONS: dict[tuple[bytes, str], Action] = {
    (b"POST", "/subscribe"): _subscribe,
    (b"GET", "/stats"): _stats,
    (b"DELETE", "/stats"): _reset_stats,
    (b"GET", "/pushes"): _pushes,
    (b"GET", "/repeats"): _repeats,
    (b"GET", "/faults"): _show_faults,
    (b"POST", "/faults"): _change_faults,
    (b"POST", "/script"): _script,
}
