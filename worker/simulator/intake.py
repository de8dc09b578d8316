"""Handles each push that comes in: identify the sender, judge, apply the fault, decrypt, record."""

import time
from collections.abc import Callable

import msgspec

from crypto import base64url
from crypto.aes128gcm import decrypt
from crypto.errors import DecryptionError, VapidTokenError
from crypto.vapid import verify
from worker.simulator.answers import TAKEN, Fault, ScriptedAnswer, render
from worker.simulator.connection import Reply
from worker.simulator.counters import Counters
from worker.simulator.journal import Journal, Push, digest
from worker.simulator.plans import Plans
from worker.simulator.profiles import Profile, Violation
from worker.simulator.rules import Case, Identity, ReceivedRequest, judge, ttl_of
from worker.simulator.subscriptions import Subscription, Subscriptions

PushHook = Callable[[str, bytes | None, dict[bytes, bytes], float], None]
"""Called for each push taken: token, plaintext (None if not decrypted), lower-case headers, epoch seconds."""

UNDECRYPTABLE = "undecryptable"


class Identities:
    """Checks each VAPID header once: a signature check costs as much as the rest of a push."""

    def __init__(self, audience: str, limit: int = 4096) -> None:
        self._audience = audience
        self._limit = limit
        self._known: dict[bytes, Identity] = {}

    def of(self, authorization: bytes | None, now: float) -> Identity | None:
        """Return what an Authorization header says, None without one; ``now`` is in epoch seconds."""
        if authorization is None:
            return None
        identity = self._known.get(authorization)
        if identity is None:
            if len(self._known) >= self._limit:
                self._known.clear()
            identity = self._known[authorization] = self._check(authorization, now)
        return identity

    def _check(self, authorization: bytes, now: float) -> Identity:
        try:
            claims = verify(authorization.decode("latin-1"), self._audience, now)
        except VapidTokenError as error:
            return Identity(problem=error.problem)
        return Identity(public_key=base64url.encode(claims.public_key), expires_at=claims.expires_at)


class Intake:
    """Answers pushes for one profile; its state can be read and changed while it runs.

    ``decrypt_every``: 1 decrypts every push, n every n-th, 0 none.
    """

    def __init__(
        self,
        profile: Profile,
        origin: str,
        subscriptions: Subscriptions,
        plans: Plans,
        journal: Journal,
        *,
        decrypt_every: int = 1,
        on_push: PushHook | None = None,
    ) -> None:
        self.profile = profile
        self.subscriptions = subscriptions
        self.plans = plans
        self.journal = journal
        self.counters = Counters()
        self.decrypt_every = decrypt_every
        self.on_push = on_push
        self._origin = origin
        self._identities = Identities(origin)

    def resets(self, target: bytes) -> bool:
        """Return whether this push is to be reset before its body is read; if so, record it."""
        if not self.plans.may_reset_early:
            return False
        subscription = self.subscriptions.at(target)
        if subscription is None or self.plans.coming(subscription).fault is not Fault.RESET_EARLY:
            return False
        answer = self.plans.next(subscription)
        unread = ReceivedRequest(b"", target, {}, b"")
        self._record(unread, subscription, answer, Fault.RESET_EARLY, None)
        self.counters.count(answer, Fault.RESET_EARLY, 0)
        return True

    def take(self, request: ReceivedRequest, *, keep_alive: bool) -> Reply:
        """Answer one push."""
        now = time.time()
        subscription = self.subscriptions.at(request.target)
        answer, cause = self._decide(request, subscription, now)
        if subscription is not None:
            plaintext, cause = self._decrypt(request, subscription, answer, cause)
            self._record(request, subscription, answer, cause, plaintext)
        self.counters.count(answer, cause, len(request.body))
        return self._reply(answer, request, keep_alive, now)

    def _decide(
        self, request: ReceivedRequest, subscription: Subscription | None, now: float
    ) -> tuple[ScriptedAnswer, str]:
        """Decide the answer; return it with the name of the violation or fault behind it."""
        planned = self.plans.next(subscription) if subscription else TAKEN
        identity = self._identities.of(request.headers.get(b"authorization"), now)
        known = subscription.known if subscription else None
        violation = judge(Case(self.profile, request, known, identity, now))
        if violation is None:
            return self.profile.dressed(planned), planned.fault or ""
        if violation is Violation.VAPID_INVALID and identity is not None:
            self.counters.errors[identity.problem or "expired"] += 1
        refusal = self.profile.violations[violation]
        return (
            msgspec.structs.replace(refusal, delay=planned.delay) if planned.delay else refusal
        ), violation

    def _decrypt(
        self, request: ReceivedRequest, subscription: Subscription, answer: ScriptedAnswer, cause: str
    ) -> tuple[bytes | None, str]:
        """Return the plaintext of a push that is taken and to be decrypted, and the cause to record."""
        if not answer.taken or not self.decrypt_every or self.counters.taken % self.decrypt_every:
            return None, cause
        try:
            plaintext = decrypt(request.body, subscription.receiver) if request.body else b""
        except DecryptionError as error:
            self.counters.undecryptable += 1
            self.counters.errors[str(error)] += 1
            return None, UNDECRYPTABLE
        self.counters.decrypted += 1
        return plaintext, cause

    def _record(
        self,
        request: ReceivedRequest,
        subscription: Subscription,
        answer: ScriptedAnswer,
        cause: str,
        plaintext: bytes | None,
    ) -> None:
        headers, at = request.headers, time.time()
        self.journal.append(
            subscription.number,
            Push(
                token=subscription.token,
                attempt=self.plans.attempts(subscription),
                status=answer.seen_status,
                taken=answer.taken,
                cause=cause,
                ttl=ttl_of(headers),
                urgency=headers.get(b"urgency", b"normal").decode("latin-1"),
                topic=headers.get(b"topic", b"").decode("latin-1"),
                content_type=headers.get(b"content-type", b"").decode("latin-1"),
                at=at,
                monotonic=time.monotonic(),
                digest=0 if plaintext is None else digest(plaintext),
                plaintext=plaintext,
            ),
        )
        if self.on_push is not None and answer.taken:
            self.on_push(subscription.token, plaintext, headers, at)

    def _reply(self, answer: ScriptedAnswer, request: ReceivedRequest, keep_alive: bool, now: float) -> Reply:
        if 200 <= answer.status < 300:
            number, ttl = self.counters.requests, ttl_of(request.headers)
            answer = self.profile.accepted(answer, origin=self._origin, number=number, ttl=ttl)
        close = not keep_alive or answer.fault is Fault.CLOSE
        return Reply(render(answer, now=now, close=close), close, answer.delay, answer.fault)
