"""The verdict of a run: who is accounted for, which pushes were repeated and why, and what is allowed."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from tests.chaos.schedule import Kind
from worker.ledger.ledger import CHECKPOINT_MAX
from worker.ledger.patience import OUTAGE_LIMIT

DEATHS = frozenset({Kind.KILL, Kind.FREEZE, Kind.EXPIRE, Kind.EVICT, Kind.EXIT})
"""Ends of one worker without a chance to clean up: each may repeat its requests in flight and one checkpoint.

Nothing else may repeat anything, except answers that are cut off on their way.
"""

FREEZES = frozenset({Kind.FREEZE, Kind.EXPIRE})

GRACE_SECONDS = 0.5
"""For so long after an event the push service may still count pushes that were sent before it."""

MEMORY_SECONDS = 5.0
"""Pushes that were sent longer before an event have nothing to do with it..."""

STUCK_SECONDS = OUTAGE_LIMIT + MEMORY_SECONDS
"""... unless their sender dies: it may have waited for Kafka all the time, without sending more."""


class Repeat(NamedTuple):
    """A push that arrived again: when (in monotonic seconds), from which processes, to which recipient.

    `between` are the earlier repeats, if this is the third push or a later one.
    """

    first_at: float
    first_by: str
    again_at: float
    again_by: str
    recipient: str = ""
    between: Sequence[tuple[float, str]] = ()

    @property
    def earlier(self) -> Iterator[tuple[float, str]]:
        """Yield all pushes before this one, the last one first."""
        yield from reversed(self.between)
        yield self.first_at, self.first_by


class HandOn(NamedTuple):
    """A recipient that a process wrote to a tier, at monotonic seconds, and could not commit.

    `refused_at` is when the group refused the commit; a process that died earlier never heard of it.
    """

    recipient: str
    at: float
    by: str
    refused_at: float = inf


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of a run, at monotonic seconds, and how many repeats it may cause.

    `who` is the process that it happened to. A frozen process was thawed at `thawed_at`; one that lives on
    had recovered at `over_at`. `cut` are the recipients whose push had arrived, and whose answer never left.
    """

    kind: Kind
    at: float
    who: str = ""
    allowed: int = 0
    thawed_at: float = inf
    over_at: float = inf
    cut: frozenset[str] = frozenset()


def attributed(
    happened: Iterable[Happened], repeats: Iterable[Repeat], hand_ons: Iterable[HandOn] = ()
) -> dict[Happened | None, int]:
    """Count the repeats by their cause.

    A cause is a death that left the recipient open in two places, or a cut-off answer, or the death of an
    earlier sender, or else the first event after the first push. None counts repeats without a known cause:
    a worker sends what another one sent long before.
    """
    in_order = sorted(happened, key=lambda each: each.at)
    deaths = [each for each in in_order if each.kind in DEATHS]
    cuts = [each for each in in_order if each.cut]
    others = [each for each in in_order if each.kind is not Kind.CUT]
    counts: Counter[Happened | None] = Counter()
    for repeat, doubled in by_hand_ons(in_order, repeats, hand_ons):
        certain = doubled or _of_a_cut(cuts, repeat) or _of_a_sender(deaths, repeat)
        later = (each for each in others if each.at + GRACE_SECONDS >= repeat.first_at)
        cause = certain or next(later, None)
        related = certain or (cause and cause.at - repeat.first_at <= MEMORY_SECONDS)
        counts[cause if related else None] += 1
    return dict(counts)


def by_hand_ons(
    happened: Iterable[Happened], repeats: Iterable[Repeat], hand_ons: Iterable[HandOn]
) -> Iterator[tuple[Repeat, Happened | None]]:
    """Yield each repeat, with the death between a checkpoint's records and its commit that caused it, if any.

    A recipient that was handed on by then is open in the tier and where it came from, and is sent from both
    when it is due, by any worker. Each hand-on causes one repeat: the second push after it.
    """
    deaths = sorted((each for each in happened if each.kind in DEATHS), key=lambda each: each.at)
    open_twice: defaultdict[str, list[tuple[float, Happened]]] = defaultdict(list)
    for hand_on in hand_ons:
        death = next((each for each in deaths if _left_uncommitted(each, hand_on)), None)
        if death:
            open_twice[hand_on.recipient].append((hand_on.at, death))
    for repeat in repeats:
        left = open_twice.get(repeat.recipient, [])
        sent_at, _ = next(repeat.earlier)
        fits = (each for each in left if each[0] <= sent_at and each[1].at <= repeat.again_at)
        if found := next(fits, None):
            left.remove(found)
        yield repeat, found and found[1]


def _left_uncommitted(death: Happened, hand_on: HandOn) -> bool:
    """Whether a process could not commit a hand-on because it died; it may have thawed since."""
    return (
        death.who == hand_on.by
        and hand_on.at <= death.over_at + GRACE_SECONDS
        and death.at <= hand_on.refused_at + GRACE_SECONDS
    )


def _of_a_cut(cuts: Iterable[Happened], repeat: Repeat) -> Happened | None:
    """Find the cut that took the answer to the push before this one."""
    sent_at, _ = next(repeat.earlier)
    return next((cut for cut in cuts if _has_cut(cut, repeat.recipient, sent_at, repeat.again_at)), None)


def _has_cut(cut: Happened, recipient: str, sent_at: float, again_at: float) -> bool:
    return sent_at <= cut.at <= again_at and recipient in cut.cut


def _of_a_sender(deaths: Sequence[Happened], repeat: Repeat) -> Happened | None:
    """Find the death that kept an earlier push from being settled."""
    before = [death for death in deaths if death.at <= repeat.again_at]
    of_senders = (
        death for sent_at, by in repeat.earlier for death in before if _may_have_ended(death, sent_at, by)
    )
    return next(of_senders, None)


def _may_have_ended(death: Happened, sent_at: float, by: str) -> bool:
    """Whether a push may have been unsettled when its sender died."""
    return death.who == by and death.at - sent_at <= STUCK_SECONDS and sent_at <= death.over_at


def by_the_thawed(
    happened: Iterable[Happened], repeats: Iterable[Repeat], hand_ons: Iterable[HandOn] = ()
) -> dict[Happened, int]:
    """Count what each frozen process sent after its thaw although another, living one had sent it."""
    frozen = {each.who: each for each in happened if each.kind in FREEZES}
    dead = {each.who for each in happened if each.kind in DEATHS}
    again = Counter(
        frozen[repeat.again_by]
        for repeat, doubled in by_hand_ons(happened, repeats, hand_ons)
        if doubled is None
        and repeat.again_by in frozen
        and repeat.first_by not in dead | {repeat.again_by}
        and repeat.again_at >= frozen[repeat.again_by].thawed_at
    )
    return dict(again)


@dataclass(slots=True)
class Verdict:
    """The figures of a run.

    Attributes:
        recipients: Recipients produced.
        in_flight: Requests at once, each worker.
        seconds: Duration of the run.
        happened: All events.
        repeats: All pushes that arrived again.
        hand_ons: The hand-ons of their recipients that were never committed.
        witnessed: Whether all hand-ons are known, so that every repeat must have a cause.
        statuses: Recipients by their last outcome.
        reached: Different messages that the push service accepted.
        taken: All messages that it accepted.
        retried: Recipients that took more than one attempt.
        unclean: SIGTERMs that did not end in status 0, although every commit was answered.
        unanswered: Pushes repeated because their sender got no answer to the first in time.
        gap: Longest time without a push, in seconds.
    """

    recipients: int
    in_flight: int
    seconds: float = 0.0
    happened: list[Happened] = field(default_factory=list)
    repeats: list[Repeat] = field(default_factory=list)
    hand_ons: list[HandOn] = field(default_factory=list)
    witnessed: bool = False
    statuses: Counter[str] = field(default_factory=Counter)
    reached: int = 0
    taken: int = 0
    retried: int = 0
    unclean: int = 0
    unanswered: int = 0
    gap: float = 0.0

    def note(self, kind: Kind, at: float, who: str = "", *, cut: Iterable[str] = (), **times: float) -> None:
        """Note an event; `cut` are the recipients whose answer it took."""
        lost = frozenset(cut)
        allowed = self.in_flight + CHECKPOINT_MAX if kind in DEATHS else len(lost)
        self.happened.append(Happened(kind, at, who, allowed, cut=lost, **times))

    def note_repeats(self, repeats: Iterable[Repeat], attempts: Mapping[str, int]) -> None:
        """Note the repeats; those that their sender made as another attempt had no answer to the last one.

        These are allowed (a push service may accept a push whose answer is lost): on a busy machine an answer
        can take longer than the request time-out. Answers that a cut took are known, and not counted here.
        `attempts` are those of the outcomes.
        """
        cuts = [each for each in self.happened if each.cut]
        for repeat in repeats:
            tried_again = repeat.first_by == repeat.again_by and attempts.get(repeat.recipient, 1) > 1
            if tried_again and not _of_a_cut(cuts, repeat):
                self.unanswered += 1
            else:
                self.repeats.append(repeat)

    def note_hand_ons(self, uncommitted: Iterable[HandOn]) -> None:
        """Note the hand-ons that may have caused repeats."""
        again = {repeat.recipient for repeat in self.repeats}
        self.hand_ons += (each for each in uncommitted if each.recipient in again)

    @property
    def lost(self) -> int:
        """Recipients without an outcome, or with the outcome `sent` although no push arrived."""
        without = self.recipients - self.statuses.total()
        return without + max(0, self.statuses["sent"] - self.reached)

    @property
    def handed_on(self) -> int:
        """Repeats of recipients that a death left open in two places."""
        found = by_hand_ons(self.happened, self.repeats, self.hand_ons)
        return sum(death is not None for _, death in found)

    @property
    def allowed(self) -> int:
        """Repeats that the guarantee allows."""
        return sum(each.allowed for each in self.happened)

    def problems(self) -> list[str]:
        """Return what breaks the guarantee; empty if nothing does."""
        found = []
        if self.lost:
            found.append(f"{self.lost} recipients are lost")
        if self.statuses.keys() - {"sent"}:
            found.append(f"not all were sent: {dict(self.statuses)}")
        found += self._too_many(self._attributed())
        for freeze, repeats in self._by_the_thawed().items():
            if repeats > self.in_flight:
                found.append(f"{repeats} pushes by {freeze.who} after others had taken over")
        if self.unclean:
            found.append(f"{self.unclean} drains did not exit with status 0")
        return found

    def _attributed(self) -> dict[Happened | None, int]:
        return attributed(self.happened, self.repeats, self.hand_ons)

    def _by_the_thawed(self) -> dict[Happened, int]:
        return by_the_thawed(self.happened, self.repeats, self.hand_ons)

    def _too_many(self, repeats: Mapping[Happened | None, int]) -> Iterator[str]:
        """Yield what is repeated more often than its cause allows.

        A repeat without a cause may be due to a hand-on that nobody saw; then all that can be checked is that
        there are no more of them than deaths allow.
        """
        left = 0
        for each in self.happened:
            of_it = repeats.get(each, 0)
            if of_it > each.allowed:
                yield f"{of_it} repeats by one '{each.kind}' (allowed: {each.allowed})"
            left += max(0, each.allowed - of_it) if each.kind in DEATHS and not self.witnessed else 0
        if repeats.get(None, 0) > left:
            yield f"{repeats[None]} repeats without a cause (allowed: {left})"

    def table(self) -> str:
        """Return the figures as a table."""
        facts = {
            "recipients": self.recipients,
            "lost": self.lost,
            "repeated": f"{len(self.repeats)} of {self.allowed} allowed",
            "open in two places": self.handed_on,
            "after a thaw": sum(self._by_the_thawed().values()),
            "without an answer": self.unanswered,
            "tried more than once": self.retried,
            "outcomes": dict(self.statuses),
            "longest gap": f"{self.gap:.1f} s",
            "duration": f"{self.seconds:.0f} s",
        }
        rows = [("", "times", "repeats", "most at one", "allowed at one"), *self._rows()]
        lines = [f"{name:<22}{times:>8}{of:>10}{most:>14}{may:>16}" for name, times, of, most, may in rows]
        return "\n".join(lines + [f"{name:<22}{value}" for name, value in facts.items()])

    def _rows(self) -> Iterable[tuple[object, ...]]:
        repeats = self._attributed()
        for kind in Kind:
            of_kind = [each for each in self.happened if each.kind is kind]
            if of_kind:
                counts = [repeats.get(each, 0) for each in of_kind]
                most = max(each.allowed for each in of_kind)
                yield str(kind), len(of_kind), sum(counts), max(counts), most
        if None in repeats:
            yield "without a cause", "", repeats[None], "", ""
