"""The rules of Apache Kafka's group coordinator, one by one; times are seconds, and no test waits."""

from itertools import count
from typing import Any, ClassVar

import pytest

from tests.harness.kafka.group import NEW_MEMBER_SECONDS, Error, Group, Join, Joined, State, Sync, Synced

SESSION, REBALANCE = 10.0, 60.0
PROTOCOLS = {"roundrobin": b"jobs"}


class Client:
    """A client that wants to be a member; keeps the answers that it gets, whenever they come."""

    told: ClassVar[dict[Any, Any]] = {}
    tickets = count()

    def __init__(self, group: Group, instance: str | None = None) -> None:
        self.group = group
        self.instance = instance
        self.member = ""
        self.generation = -1
        self.rebalance = REBALANCE
        self._ticket: Any = None

    def join(self, now: float, protocols: dict[str, bytes] | None = None) -> None:
        if self.instance is None and not self.member:
            self._ask_join(now, protocols, "")
            assert self.heard.error is Error.MEMBER_ID_REQUIRED
            self.member = self.heard.member
        self._ask_join(now, protocols, self.member)

    def _ask_join(self, now: float, protocols: dict[str, bytes] | None, member: str) -> None:
        self._ticket = next(self.tickets)
        asked = Join(member, self.instance, protocols or PROTOCOLS, SESSION, self.rebalance)
        self.note(self.group.join(self._ticket, asked, now))

    def sync(self, now: float, **assignments: bytes) -> None:
        self._ticket = next(self.tickets)
        asked = Sync(self.member, self.instance, self.generation, assignments)
        self.note(self.group.sync(self._ticket, asked, now))

    def heartbeat(self, now: float) -> Error:
        return self.group.heartbeat(self.member, self.generation, now)

    def commit(self, now: float) -> Error:
        return self.group.may_commit(self.member, self.generation, now)

    def leave(self, now: float) -> None:
        error, replies = self.group.leave(self.member, now, self.instance)
        assert error is Error.NONE
        self.note(replies)

    def note(self, replies: Any) -> None:
        self.told.update(replies)

    @property
    def waits(self) -> bool:
        return self._ticket not in self.told

    @property
    def heard(self) -> Joined | Synced:
        return self.told[self._ticket]

    def accept(self) -> None:
        """Adopt the answer to a join."""
        assert self.heard.error is Error.NONE
        self.member, self.generation = self.heard.member, self.heard.generation


@pytest.fixture
def group() -> Group:
    return Group()


def settled(group: Group, *clients: Client, now: float = 0.0) -> None:
    """Bring clients into a stable group, led by the first."""
    for client in clients:
        client.join(now)
    for client in clients:
        if not client.waits and group.state is State.PREPARING:  # it was alone at first
            client.accept()
            client.join(now)
    for client in clients:
        client.accept()
    for client in clients[1:]:
        client.sync(now)
    clients[0].sync(now, **{client.member: client.member.encode() for client in clients})
    assert group.state is State.STABLE


# ── join ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_dynamic_member_is_told_its_id_before_it_may_join_kip_394(group):
    client = Client(group)
    client._ask_join(0.0, None, "")
    assert client.heard.error is Error.MEMBER_ID_REQUIRED
    assert not group.members
    client.member = client.heard.member
    client.join(0.0)
    client.accept()
    assert client.generation == 1


def test_an_id_that_was_given_out_is_waited_for_no_longer_than_a_session(group):
    one, other = Client(group), Client(group)
    other._ask_join(0.0, None, "")
    one.join(0.0)
    assert one.waits
    one.note(group.pass_time(SESSION - 1))
    assert one.waits
    one.note(group.pass_time(SESSION))
    one.accept()


def test_a_member_that_nobody_knows_is_told_so(group):
    stranger = Client(group)
    stranger.member = "who"
    stranger.join(0.0)
    assert stranger.heard.error is Error.UNKNOWN_MEMBER_ID
    assert stranger.heartbeat(0.0) is Error.UNKNOWN_MEMBER_ID


def test_the_leader_is_told_who_is_there_and_others_are_not(group):
    one, two = Client(group, "a"), Client(group, "b")
    settled(group, one, two)
    one.join(1.0)
    two.join(1.0)
    assert [instance for _, instance, _ in one.heard.members] == ["a", "b"]
    assert one.heard.leader == two.heard.leader == one.member
    assert not two.heard.members


def test_assignors_that_not_all_know_are_refused(group):
    settled(group, Client(group))
    other = Client(group, "b")
    other.join(1.0, {"sticky": b"jobs"})
    assert other.heard.error is Error.INCONSISTENT_GROUP_PROTOCOL


def test_a_new_group_waits_for_more_to_come_kip_134():
    group = Group(initial_delay=3.0)
    one, two = Client(group, "a"), Client(group, "b")
    one.join(0.0)
    two.join(1.0)
    assert one.waits
    one.note(group.pass_time(3.0))
    one.accept()
    two.accept()
    assert one.generation == two.generation == 1


# ── rebalance ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_join_waits_until_every_member_has_heard_of_it_and_joined_again(group):
    old, new = Client(group), Client(group)
    settled(group, old)
    new.join(5.0)
    assert new.waits
    assert group.state is State.PREPARING
    assert old.heartbeat(6.0) is Error.REBALANCE_IN_PROGRESS
    old.join(7.0)
    old.accept()
    new.accept()
    assert old.generation == new.generation == 2


def test_until_it_joins_again_a_member_may_commit_with_its_old_generation_kafka_4682(group):
    old, new = Client(group), Client(group)
    settled(group, old)
    new.join(1.0)
    assert old.commit(2.0) is Error.NONE
    old.join(3.0)
    assert old.commit(3.0) is Error.ILLEGAL_GENERATION
    old.accept()
    assert old.commit(4.0) is Error.REBALANCE_IN_PROGRESS
    assert old.heartbeat(4.0) is Error.NONE


def test_who_does_not_join_again_in_time_is_thrown_out_kip_62(group):
    slow, new = Client(group), Client(group)
    settled(group, slow)
    new.join(1.0)
    for at in range(2, 60, 5):
        assert slow.heartbeat(float(at)) is Error.REBALANCE_IN_PROGRESS
    new.note(group.pass_time(1.0 + REBALANCE - 1.0))
    assert new.waits
    new.note(group.pass_time(1.0 + REBALANCE))
    new.accept()
    assert new.heard.leader == new.member
    assert slow.commit(62.0) is Error.UNKNOWN_MEMBER_ID


def test_a_sync_waits_for_the_leaders_assignment(group):
    leader, other = Client(group, "a"), Client(group, "b")
    settled(group, leader, other)
    other.sync(2.0)
    assert other.heard.assignment == other.member.encode()  # stable: as it was
    other.join(2.0, {"roundrobin": b"more"})
    leader.join(3.0)
    leader.accept()
    other.accept()
    other.sync(4.0)
    assert other.waits
    leader.sync(5.0, **{other.member: b"half"})
    assert other.heard == Synced(Error.NONE, b"half")
    assert leader.heard == Synced(Error.NONE, b"")  # it assigned itself nothing


def test_a_join_during_the_assignment_ends_the_syncs_that_wait(group):
    leader, other, third = Client(group, "a"), Client(group, "b"), Client(group, "c")
    settled(group, leader, other)
    leader.join(1.0)
    other.join(1.0)
    leader.accept()
    other.accept()
    other.sync(2.0)
    third.join(3.0)
    third.note({})
    assert other.told[other._ticket] == Synced(Error.REBALANCE_IN_PROGRESS)
    leader.sync(4.0)
    assert leader.heard.error is Error.REBALANCE_IN_PROGRESS


def test_a_sync_of_an_old_generation_is_refused(group):
    one = Client(group)
    settled(group, one)
    one.generation -= 1
    one.sync(1.0)
    assert one.heard.error is Error.ILLEGAL_GENERATION
    assert one.heartbeat(1.0) is Error.ILLEGAL_GENERATION


def test_who_joins_and_then_does_not_sync_in_time_is_thrown_out_kafka_10284(group):
    leader, silent = Client(group, "a"), Client(group, "b")
    settled(group, leader, silent)
    leader.join(1.0)
    silent.join(1.0)
    leader.accept()
    silent.accept()
    leader.sync(2.0)
    for at in range(3, 61, 5):
        leader.heartbeat(float(at))
        silent.heartbeat(float(at))
        group.pass_time(float(at))
    group.pass_time(1.0 + REBALANCE)
    assert silent.heartbeat(62.0) is Error.UNKNOWN_MEMBER_ID
    assert leader.heartbeat(62.0) is Error.REBALANCE_IN_PROGRESS


@pytest.mark.parametrize(("leads", "rebalances"), [(True, True), (False, False)])
def test_in_a_stable_group_only_the_leaders_join_or_a_changed_one_asks_for_a_rebalance(
    group, leads, rebalances
):
    leader, other = Client(group, "a"), Client(group, "b")
    settled(group, leader, other)
    (leader if leads else other).join(1.0)
    assert (group.state is State.PREPARING) is rebalances
    other.join(2.0, {"roundrobin": b"more"})
    assert leads or group.state is State.PREPARING


# ── sessions ────────────────────────────────────────────────────────────────────────────────────────────


def test_who_is_not_heard_of_for_a_session_is_removed_and_the_others_share(group):
    quiet, other = Client(group, "a"), Client(group, "b")
    settled(group, quiet, other)
    assert other.heartbeat(5.0) is Error.NONE
    group.pass_time(SESSION - 0.1)
    assert group.state is State.STABLE
    group.pass_time(SESSION)
    assert other.heartbeat(SESSION) is Error.REBALANCE_IN_PROGRESS
    assert quiet.heartbeat(SESSION) is Error.UNKNOWN_MEMBER_ID
    assert quiet.commit(SESSION) is Error.UNKNOWN_MEMBER_ID
    other.join(SESSION)
    other.accept()
    assert other.heard.leader == other.member


def test_heartbeats_and_commits_are_signs_of_life(group):
    one = Client(group)
    settled(group, one)
    for at in range(1, 100, 9):
        assert (one.commit(float(at)) if at % 2 else one.heartbeat(float(at))) is Error.NONE
        group.pass_time(float(at))
    group.pass_time(100.0 + SESSION)
    assert group.state is State.EMPTY


def test_who_waits_in_a_join_needs_no_heartbeat_and_a_new_one_not_for_ever(group):
    old, new = Client(group), Client(group)
    settled(group, old)
    new.join(0.0)
    for at in range(1, 50):
        old.heartbeat(float(at))
        group.pass_time(float(at))
    assert new.waits
    assert NEW_MEMBER_SECONDS > REBALANCE


def test_a_coordinator_that_has_loaded_its_groups_begins_all_sessions_anew(group):
    one = Client(group)
    settled(group, one)
    group.load(100.0)
    group.pass_time(100.0 + SESSION - 1)
    assert one.heartbeat(100.0 + SESSION - 1) is Error.NONE


# ── leaving ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_member_that_leaves_is_not_waited_for(group):
    leaver, other = Client(group), Client(group, "b")
    settled(group, other)
    leaver.join(1.0)
    other.join(1.0)
    leaver.accept()
    other.accept()
    leaver.leave(2.0)
    assert other.heartbeat(3.0) is Error.REBALANCE_IN_PROGRESS
    other.join(3.0)
    other.accept()
    other.sync(3.0)
    other_than_a_member = Client(group)
    assert group.leave(other_than_a_member.member, 3.0) == (Error.UNKNOWN_MEMBER_ID, [])
    other.leave(4.0)
    assert group.state is State.EMPTY


def test_a_group_that_waits_goes_on_without_who_leaves(group):
    slow, new = Client(group), Client(group)
    settled(group, slow)
    new.join(1.0)
    _, replies = group.leave(slow.member, 2.0)
    new.note(replies)
    new.accept()


# ── static membership, KIP-345 ──────────────────────────────────────────────────────────────────────────


def test_a_static_member_that_comes_back_has_its_place_without_a_rebalance(group):
    leader, other = Client(group, "a"), Client(group, "b")
    settled(group, leader, other)
    heir = Client(group, "b")
    heir.join(3.0)
    heir.accept()
    assert (group.state, heir.generation) == (State.STABLE, other.generation)
    heir.sync(3.0)
    assert heir.heard.assignment == other.member.encode()
    assert heir.heartbeat(4.0) is Error.NONE
    assert leader.heartbeat(4.0) is Error.NONE


def test_who_had_the_place_before_is_fenced(group):
    leader, elder = Client(group, "a"), Client(group, "b")
    settled(group, leader, elder)
    heir = Client(group, "b")
    heir.join(3.0)
    elder.sync(4.0)
    assert elder.heard.error is Error.FENCED_INSTANCE_ID
    elder.join(4.0)
    assert elder.heard.error is Error.FENCED_INSTANCE_ID
    # These say no instance id in the versions spoken here: it is somebody unknown.
    assert elder.heartbeat(4.0) is Error.UNKNOWN_MEMBER_ID
    assert elder.commit(4.0) is Error.UNKNOWN_MEMBER_ID


def test_who_waits_in_a_join_is_fenced_at_once(group):
    leader, elder = Client(group, "a"), Client(group, "b")
    settled(group, leader, elder)
    leader.join(1.0)
    heir = Client(group, "a")
    heir.join(2.0)
    heir.note(group.pass_time(2.0))
    assert leader.heard.error is Error.FENCED_INSTANCE_ID
    elder.join(3.0)
    heir.accept()
    elder.accept()


def test_a_leader_that_comes_back_is_told_of_the_old_one_and_assigns_nothing(group):
    leader, other = Client(group, "a"), Client(group, "b")
    settled(group, leader, other)
    heir = Client(group, "a")
    heir.join(3.0)
    heir.accept()
    assert heir.heard.leader == leader.member != heir.member
    assert not heir.heard.members
    heir.sync(3.0)
    assert heir.heard.assignment == leader.member.encode()
    heir.join(4.0)  # knows itself by now, and leads: that asks for a rebalance
    assert group.state is State.PREPARING


def test_a_static_member_is_not_removed_by_a_rebalance_but_by_the_end_of_its_session(group):
    away, other = Client(group, "a"), Client(group, "b")
    away.rebalance = other.rebalance = SESSION / 5
    settled(group, away, other)
    other.join(1.0, {"roundrobin": b"more"})
    other.note(group.pass_time(1.0 + SESSION / 5))
    other.accept()
    assert [instance for _, instance, _ in other.heard.members] == ["a", "b"]
    other.sync(4.0)
    group.pass_time(3.0 + SESSION)
    assert away.member not in group.members


def test_while_an_assignment_is_made_who_comes_back_asks_for_a_rebalance(group):
    leader, other = Client(group, "a"), Client(group, "b")
    settled(group, leader, other)
    leader.join(1.0)
    other.join(1.0)
    heir = Client(group, "b")
    heir.join(2.0)
    assert group.state is State.PREPARING
    assert heir.waits


def test_a_static_member_leaves_for_good_and_is_missed_at_once(group):
    leader, other = Client(group, "a"), Client(group, "b")
    settled(group, leader, other)
    other.leave(1.0)
    assert leader.heartbeat(2.0) is Error.REBALANCE_IN_PROGRESS
    leader.join(2.0)
    leader.accept()
    assert [instance for _, instance, _ in leader.heard.members] == ["a"]
    assert other.heartbeat(2.0) is Error.UNKNOWN_MEMBER_ID


def test_who_has_lost_the_place_of_a_static_member_cannot_give_it_up(group):
    elder, other = Client(group, "a"), Client(group, "b")
    settled(group, elder, other)
    heir = Client(group, "a")
    heir.join(1.0)
    heir.accept()
    assert group.leave(elder.member, 2.0, "a") == (Error.FENCED_INSTANCE_ID, [])
    assert group.leave("nobody", 2.0, "c") == (Error.UNKNOWN_MEMBER_ID, [])
    assert heir.heartbeat(2.0) is Error.NONE


def test_who_leaves_while_it_joins_is_told_and_keeps_nobody_waiting(group):
    leader, other = Client(group, "a"), Client(group, "b")
    settled(group, leader, other)
    other.join(1.0, {"roundrobin": b"more"})
    assert other.waits
    error, replies = group.leave(other.member, 2.0, "b")
    other.note(replies)
    assert error is Error.NONE
    assert other.heard.error is Error.UNKNOWN_MEMBER_ID
    leader.join(2.0)
    leader.accept()
    assert [instance for _, instance, _ in leader.heard.members] == ["a"]


def test_an_administrator_can_remove_a_static_member_by_its_instance_id(group):
    leader, other = Client(group, "a"), Client(group, "b")
    settled(group, leader, other)
    assert group.leave("", 1.0, "b")[0] is Error.NONE
    assert leader.heartbeat(2.0) is Error.REBALANCE_IN_PROGRESS
    assert group.leave("", 1.0, "b") == (Error.UNKNOWN_MEMBER_ID, [])


# ── outsiders ───────────────────────────────────────────────────────────────────────────────────────────


def test_an_outsider_may_commit_only_while_nobody_is_there(group):
    assert group.may_commit("", -1, 0.0) is Error.NONE
    one = Client(group)
    settled(group, one)
    assert group.may_commit("", -1, 0.0) is Error.UNKNOWN_MEMBER_ID
