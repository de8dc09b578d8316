"""Faults on demand: decides which push meets which fault. Pure, seeded, and the same in every run.

A decision is a function of the seed, the subscription's token and the number of the attempt, so a run can be
repeated, and a test knows beforehand what will happen to each push.
"""

import hashlib
import math

import msgspec

from worker.simulator.answers import STATUSES, TAKEN, Fault, ScriptedAnswer

_BY_STATUS = {str(status): fault for fault, status in STATUSES.items()}


class FaultShare(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One fault, and how often it happens.

    Attributes:
        fault: What happens.
        share: Share of all attempts, or of all subscriptions if sticky; 0 to 1.
        sticky: Whether it always happens to the same subscriptions, as a 410 does.
        retry_after: Seconds; by default, what the profile usually sends.
        http_date: Whether to write Retry-After as an HTTP date instead of seconds.
    """

    fault: Fault
    share: float
    sticky: bool = False
    retry_after: float | None = None
    http_date: bool = False


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fault plan: ``latency`` plus up to ``jitter`` seconds before every answer, and shares of faults.

    Sticky faults are drawn once for each subscription, the others once for each attempt. A draw gives at most
    one fault of its kind, and a sticky fault takes precedence.
    """

    seed: int = 0
    latency: float = 0.0
    jitter: float = 0.0
    shares: tuple[FaultShare, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an impossible plan.

        Raises:
            ValueError: A share is outside 0 to 1, shares of one kind exceed 1, or seconds are negative.
        """
        for sticky in (False, True):
            total = math.fsum(item.share for item in self.shares if item.sticky is sticky)
            if total > 1 + 1e-9:
                kind = "sticky" if sticky else "non-sticky"
                raise ValueError(f"shares of {kind} faults add up to {total:g}, more than 1")
        if any(not 0 <= item.share <= 1 for item in self.shares):
            raise ValueError("a share must be between 0 and 1")
        if self.latency < 0 or self.jitter < 0:
            raise ValueError("latency and jitter must not be negative")

    def answer(self, token: str, attempt: int) -> ScriptedAnswer:
        """Return the answer planned for the ``attempt``-th push (from 1) to the subscription ``token``."""
        delay = self.delay(token, attempt)
        item = self.fault(token, attempt)
        if item is None:
            return TAKEN if not delay else ScriptedAnswer(201, delay=delay)
        status = STATUSES.get(item.fault, 201)
        return ScriptedAnswer(status, item.retry_after, item.http_date, delay=delay, fault=item.fault)

    def fault(self, token: str, attempt: int) -> FaultShare | None:
        """Return the fault planned for this attempt, if any."""
        return self._drawn(True, f"s:{token}") or self._drawn(False, f"a:{attempt}:{token}")

    def delay(self, token: str, attempt: int) -> float:
        """Return the seconds before the answer."""
        if not self.jitter:
            return self.latency
        return self.latency + self.jitter * throw(self.seed, f"d:{attempt}:{token}")

    def _drawn(self, sticky: bool, subject: str) -> FaultShare | None:
        shares = [item for item in self.shares if item.sticky is sticky]
        if not shares:
            return None
        left = throw(self.seed, subject)
        for item in shares:
            left -= item.share
            if left < 0:
                return item
        return None


def throw(seed: int, subject: str) -> float:
    """Return a number in [0, 1): uniform over subjects, and always the same for the same arguments."""
    digest = hashlib.blake2b(f"{seed}:{subject}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest) >> 11) / (1 << 53)  # 53 bits, as many as a float holds: never 1.0


def parse_share(text: str) -> FaultShare:
    """Parse the command line's ``429=0.02``, ``gone=0.01:sticky`` or ``503=0.1:retry_after=5``.

    Raises:
        ValueError: It is not of that form, or there is no such fault.
    """
    head, *options = text.split(":")
    name, _, share = head.partition("=")
    word = name.strip().replace("-", "_")
    values: dict[str, object] = {"fault": _BY_STATUS.get(word, word), "share": share}
    values |= dict(_option(option) for option in options)
    try:
        return msgspec.convert(values, FaultShare, strict=False)
    except msgspec.ValidationError as error:
        form = f"{text!r} is not FAULT=SHARE[:sticky][:retry_after=S]"
        raise ValueError(f"{form}: {_problem(str(error))}") from None


def _problem(said: str) -> str:
    if "$.share" in said:
        return "the share should be a number from 0 to 1"
    if "$.fault" in said:
        return f"there is no such fault, only {', '.join([*Fault, *_BY_STATUS])}"
    return "sticky stands alone, and retry_after is a number of seconds"


def _option(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip(), value.strip() or "true"
