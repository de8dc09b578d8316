"""A consumer group as Apache Kafka's coordinator manages it: the classic, eager protocol, without I/O.

The rules are those of Apache Kafka 3.8 (`kafka.coordinator.group.GroupCoordinator`, and the KIP named beside
each). Time is an argument, in seconds of any monotonic clock. A request that must wait for other members has
a ticket, and is answered by the call that ends the wait: each call returns the tickets that it answers.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum, auto
from math import inf
from typing import TypeAlias

NEW_MEMBER_SECONDS = 300.0
"""The longest wait of a member's first join, which has no session yet (`NewMemberJoinTimeoutMs`)."""


class State(Enum):
    EMPTY = auto()
    PREPARING = auto()
    """Members are expected to join again; those that have not may still commit."""

    COMPLETING = auto()
    """All have joined; the leader's assignment is expected."""

    STABLE = auto()


class Error(IntEnum):
    """Error codes of the protocol guide."""

    NONE = 0
    COORDINATOR_LOAD_IN_PROGRESS = 14
    COORDINATOR_NOT_AVAILABLE = 15
    NOT_COORDINATOR = 16
    ILLEGAL_GENERATION = 22
    INCONSISTENT_GROUP_PROTOCOL = 23
    UNKNOWN_MEMBER_ID = 25
    REBALANCE_IN_PROGRESS = 27
    MEMBER_ID_REQUIRED = 79
    FENCED_INSTANCE_ID = 82


@dataclass(frozen=True, slots=True)
class Join:
    """A join request; `protocols` are the member's assignors with its subscription, times are seconds."""

    member: str
    instance: str | None
    protocols: Mapping[str, bytes]
    session: float
    rebalance: float


@dataclass(frozen=True, slots=True)
class Sync:
    """A sync request, which follows a join; the leader's contains the assignment of every member."""

    member: str
    instance: str | None
    generation: int
    assignments: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Joined:
    """An answer to a join; only the leader gets `members` (id, instance id, subscription)."""

    error: Error
    member: str = ""
    generation: int = -1
    protocol: str = ""
    leader: str = ""
    members: Sequence[tuple[str, str | None, bytes]] = ()


@dataclass(frozen=True, slots=True)
class Synced:
    """An answer to a sync."""

    error: Error
    assignment: bytes = b""


Ticket: TypeAlias = Hashable
Replies: TypeAlias = list[tuple[Ticket, Joined | Synced]]


@dataclass(slots=True)
class Member:
    """A member; the group waits for it until `expires`."""

    id: str
    asked: Join
    expires: float
    assignment: bytes = b""
    joining: Ticket | None = None
    syncing: Ticket | None = None
    has_synced: bool = False

    def renew(self, now: float) -> None:
        self.expires = now + self.asked.session


@dataclass(slots=True)
class Group:
    """One group; `initial_delay` is `group.initial.rebalance.delay.ms` in seconds (KIP-134)."""

    initial_delay: float = 0.0
    state: State = State.EMPTY
    generation: int = 0
    leader: str = ""
    protocol: str = ""
    members: dict[str, Member] = field(default_factory=dict)
    _instances: dict[str, str] = field(default_factory=dict)
    _promised: dict[str, float] = field(default_factory=dict)
    _not_before: float = -inf
    _until: float = inf
    _named: int = 0

    # ── join ────────────────────────────────────────────────────────────────────────────────────────────

    def join(self, ticket: Ticket, asked: Join, now: float) -> Replies:
        if self.members and not self._common(asked):
            return [(ticket, Joined(Error.INCONSISTENT_GROUP_PROTOCOL, asked.member))]
        if not asked.member:
            return self._join_without_id(ticket, asked, now)
        if self._promised.pop(asked.member, None) is not None:
            return self._enter(ticket, asked.member, asked, now)
        error = self._error_of(asked.member, asked.instance)
        if error is Error.NONE and self.state is State.EMPTY:
            error = Error.UNKNOWN_MEMBER_ID
        if error is not Error.NONE:
            return [(ticket, Joined(error, asked.member))]
        return self._rejoin(ticket, self.members[asked.member], asked, now)

    def _join_without_id(self, ticket: Ticket, asked: Join, now: float) -> Replies:
        self._named += 1
        name = f"{asked.instance or 'member'}-{self._named}"
        if asked.instance is None:
            # KIP-394: the first join of a dynamic member only returns its id.
            self._promised[name] = now + asked.session
            return [(ticket, Joined(Error.MEMBER_ID_REQUIRED, name))]
        if asked.instance in self._instances:
            return self._replace(ticket, name, asked, now)
        return self._enter(ticket, name, asked, now)

    def _enter(self, ticket: Ticket, name: str, asked: Join, now: float) -> Replies:
        self.members[name] = Member(name, asked, now + NEW_MEMBER_SECONDS, joining=ticket)
        if asked.instance is not None:
            self._instances[asked.instance] = name
        return self._prepare(now)

    def _replace(self, ticket: Ticket, name: str, asked: Join, now: float) -> Replies:
        """KIP-345: a static member without its id takes its place again, and fences the previous holder."""
        old = self.members.pop(self._instances[asked.instance or ""])
        self._instances[asked.instance or ""] = name
        replies = _dismissed(old, Error.FENCED_INSTANCE_ID)
        old_leader = self.leader
        self.leader = name if self.leader == old.id else self.leader
        member = self.members[name] = Member(name, asked, inf, old.assignment, has_synced=old.has_synced)
        if self.state is State.STABLE and self._choose() == self.protocol:
            # No rebalance; the answer names the old leader, so that it makes no assignment that nobody reads.
            member.renew(now)
            return [*replies, (ticket, self._joined(member, old_leader))]
        # Also in COMPLETING: the leader may be assigning to the old id.
        member.joining = ticket
        return replies + self._prepare(now)

    def _rejoin(self, ticket: Ticket, member: Member, asked: Join, now: float) -> Replies:
        same = member.asked.protocols == asked.protocols
        leads = member.id == self.leader
        if same and (self.state is State.COMPLETING or (self.state is State.STABLE and not leads)):
            # It may have missed the answer; only the leader can ask for a rebalance this way (KAFKA-2464).
            member.renew(now)
            return [(ticket, self._joined(member, self.leader))]
        member.asked, member.joining, member.expires = asked, ticket, inf
        return self._prepare(now)

    def _joined(self, member: Member, leader: str) -> Joined:
        everybody = [
            (each.id, each.asked.instance, each.asked.protocols[self.protocol]) for each in self._all
        ]
        return Joined(
            Error.NONE,
            member.id,
            self.generation,
            self.protocol,
            leader,
            everybody if member.id == leader else (),
        )

    # ── rebalance ───────────────────────────────────────────────────────────────────────────────────────

    def _prepare(self, now: float) -> Replies:
        """Wait until every member has joined again, at most their longest rebalance time-out (KIP-62)."""
        replies: Replies = []
        if self.state is State.COMPLETING:
            for member in self._all:
                replies += _answered_sync(member, Synced(Error.REBALANCE_IN_PROGRESS))
        if self.state is not State.PREPARING:
            self._not_before = now + self.initial_delay if self.state is State.EMPTY else -inf
            self._until = now + self._patience
            self.state = State.PREPARING
        return replies + self._complete_if_all_joined(now)

    def _complete_if_all_joined(self, now: float) -> Replies:
        everybody = all(member.joining is not None for member in self._all) and not self._promised
        return self._complete(now) if everybody and now >= self._not_before else []

    def _complete(self, now: float) -> Replies:
        for member in self._all:
            # KIP-345: a static member keeps its place until its session ends.
            if member.joining is None and member.asked.instance is None:
                self._forget(member)
        joined = [member for member in self._all if member.joining is not None]
        if self.members and not joined:
            self._until = now + self._patience
            return []
        self.generation += 1
        self._until = now + self._patience if joined else inf
        self.state = State.COMPLETING if joined else State.EMPTY
        if not joined:
            self.leader = self.protocol = ""
            return []
        if self.leader not in {member.id for member in joined}:
            self.leader = joined[0].id
        self.protocol = self._choose()
        for member in self._all:
            member.renew(now)
            member.has_synced = False
        return [
            reply for member in joined for reply in _answered_join(member, self._joined(member, self.leader))
        ]

    def sync(self, ticket: Ticket, asked: Sync, now: float) -> Replies:
        error = self._error_of(asked.member, asked.instance, asked.generation)
        if error is Error.NONE and self.state is State.PREPARING:
            error = Error.REBALANCE_IN_PROGRESS
        if error is not Error.NONE:
            return [(ticket, Synced(error))]
        member = self.members[asked.member]
        member.has_synced = True
        if self.state is State.STABLE:
            member.renew(now)
            return [(ticket, Synced(Error.NONE, member.assignment))]
        member.syncing, member.expires = ticket, inf
        return self._assign(asked.assignments, now) if asked.member == self.leader else []

    def _assign(self, assignments: Mapping[str, bytes], now: float) -> Replies:
        self.state = State.STABLE
        replies: Replies = []
        for member in self._all:
            member.assignment = assignments.get(member.id, b"")
            if member.syncing is not None:
                member.renew(now)
                replies += _answered_sync(member, Synced(Error.NONE, member.assignment))
        return replies

    # ── between rebalances ──────────────────────────────────────────────────────────────────────────────────

    def heartbeat(self, member_id: str, generation: int, now: float) -> Error:
        error = self._error_of(member_id, None, generation)
        if error is Error.NONE:
            self.members[member_id].renew(now)
            if self.state is State.PREPARING:
                return Error.REBALANCE_IN_PROGRESS
        return error

    def may_commit(self, member_id: str, generation: int, now: float) -> Error:
        if generation < 0 and not member_id:
            # A commit from outside the group: only while it has no members.
            return Error.NONE if self.state is State.EMPTY else Error.UNKNOWN_MEMBER_ID
        error = self._error_of(member_id, None, generation)
        if error is Error.NONE and self.state is State.COMPLETING:
            error = Error.REBALANCE_IN_PROGRESS
        if error is Error.NONE:
            # Also in PREPARING: members only learn of a rebalance from their next heartbeat (KAFKA-4682).
            self.members[member_id].renew(now)
        return error

    def leave(self, member_id: str, now: float, instance: str | None = None) -> tuple[Error, Replies]:
        """Remove a member; an instance id without a member id removes whoever holds it (KIP-345)."""
        if self._promised.pop(member_id, None) is not None:
            return Error.NONE, self._complete_if_all_joined(now) if self.state is State.PREPARING else []
        if instance is not None and not member_id:
            member_id = self._instances.get(instance, "")
        error = self._error_of(member_id, instance)
        return error, self._remove(self.members[member_id], now) if error is Error.NONE else []

    def load(self, now: float) -> None:
        """Another broker has become the coordinator: it keeps the members and restarts all sessions."""
        for member in self._all:
            if member.expires < inf:
                member.renew(now)

    def pass_time(self, now: float) -> Replies:
        """Do everything that is due by `now`: end sessions and overdue waits."""
        self._promised = {name: until for name, until in self._promised.items() if now < until}
        replies: Replies = []
        for member in self._all:
            if now >= member.expires:
                replies += self._remove(member, now)
        if self.state is State.PREPARING:
            replies += self._complete(now) if now >= self._until else self._complete_if_all_joined(now)
        elif now >= self._until:
            self._until = inf
            for member in self._all:
                if not member.has_synced:
                    replies += self._remove(member, now)
        return replies

    # ── members ─────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _all(self) -> list[Member]:
        return list(self.members.values())

    @property
    def _patience(self) -> float:
        return max((member.asked.rebalance for member in self._all), default=0.0)

    def _error_of(self, member_id: str, instance: str | None, generation: int | None = None) -> Error:
        """Return the error for a request that claims to come from this member of this generation."""
        holder = self._instances.get(instance) if instance is not None else None
        if holder is not None and holder != member_id:
            return Error.FENCED_INSTANCE_ID
        if member_id not in self.members:
            return Error.UNKNOWN_MEMBER_ID
        if generation is not None and generation != self.generation:
            return Error.ILLEGAL_GENERATION
        return Error.NONE

    def _remove(self, member: Member, now: float) -> Replies:
        self._forget(member)
        replies = _dismissed(member, Error.UNKNOWN_MEMBER_ID)
        if self.state is State.PREPARING:
            return replies + self._complete_if_all_joined(now)
        return replies + self._prepare(now)

    def _forget(self, member: Member) -> None:
        del self.members[member.id]
        if member.asked.instance is not None:
            del self._instances[member.asked.instance]
        if member.id == self.leader:
            self.leader = next(iter(self.members), "")

    def _common(self, asked: Join) -> set[str]:
        others = [set(member.asked.protocols) for member in self._all if member.id != asked.member]
        return set(asked.protocols).intersection(*others)

    def _choose(self) -> str:
        """Return the first protocol of the first member that all members support."""
        first, *others = self._all
        return next(
            name for name in first.asked.protocols if all(name in each.asked.protocols for each in others)
        )


def _answered_join(member: Member, answer: Joined) -> Replies:
    ticket, member.joining = member.joining, None
    return [] if ticket is None else [(ticket, answer)]


def _answered_sync(member: Member, answer: Synced) -> Replies:
    ticket, member.syncing = member.syncing, None
    return [] if ticket is None else [(ticket, answer)]


def _dismissed(member: Member, error: Error) -> Replies:
    return _answered_join(member, Joined(error, member.id)) + _answered_sync(member, Synced(error))
