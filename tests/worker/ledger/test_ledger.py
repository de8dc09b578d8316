import random

import pytest

from tests.worker.ledger.support import P0, P1, committed, opened, owner, settle, told
from tests.worker.support import restored
from worker.ledger.ledger import CHECKPOINT_MAX, OPEN_MAX, Ledger
from worker.ledger.progress import METADATA_MAX_CHARS, Partial, Progress
from worker.records.envelope import Commit

# ── what a checkpoint holds ─────────────────────────────────────────────────────────────────────────────


def test_where_nothing_is_open_there_is_nothing_to_say():
    assert Ledger().checkpoint() is None
    assert owner().checkpoint() is None


def test_settled_recipients_are_told_in_the_order_of_their_records():
    ledger = owner()
    first, second = opened(ledger, 2, 1)
    settle(ledger, second)
    settle(ledger, first, 1, 0)
    checkpoint = ledger.checkpoint()
    assert told(checkpoint) == ["0/1", "0/0", "1/0"]
    assert [entry.subject for entry, _ in checkpoint.settled] == ["job-0", "job-1"]
    assert (checkpoint.size, checkpoint.commits) == (3, {P0: Commit(2, "")})


def test_each_recipient_is_told_once():
    ledger = owner()
    (entry,) = opened(ledger, 3)
    settle(ledger, entry, 0)
    ledger.acknowledge(ledger.checkpoint())
    settle(ledger, entry, 2)
    assert told(ledger.checkpoint()) == ["0/2"]


def test_the_watermark_waits_for_the_first_open_recipient():
    ledger = owner()
    first, second, third = opened(ledger, 1, 2, 1)
    settle(ledger, third)
    assert restored(committed(ledger)) == Progress(0, ((2, 3),))
    settle(ledger, first)
    assert restored(committed(ledger)) == Progress(1, ((2, 3),))
    settle(ledger, second, 1)
    assert restored(committed(ledger)) == Progress(1, ((2, 3),), {1: Partial(2, 0b10)})
    settle(ledger, second, 0)
    assert committed(ledger) == Commit(3, "")


def test_only_partitions_that_changed_are_committed():
    ledger = owner()
    ledger.assign(P1, Progress(0))
    (entry,) = opened(ledger, 1)
    opened(ledger, 1, partition=P1)
    settle(ledger, entry)
    assert set(ledger.checkpoint().commits) == {P0}


def test_while_something_is_open_the_lease_is_renewed_with_the_commit_as_it_was():
    ledger = owner()
    first, second = opened(ledger, 1, 2)
    settle(ledger, second, 1)
    last = committed(ledger)
    checkpoint = ledger.checkpoint()
    assert (checkpoint.settled, checkpoint.size, checkpoint.commits) == ([], 0, {P0: last})
    settle(ledger, first)
    settle(ledger, second, 0)
    assert committed(ledger) == Commit(2, "")
    assert ledger.checkpoint() is None


def test_a_new_owner_renews_its_lease_with_the_commit_that_it_found():
    ledger = owner(P0, Progress(4, ((6, 8),)))
    opened(ledger, 1, first=4)
    assert restored(ledger.checkpoint().commits[P0]) == Progress(4, ((6, 8),))


def test_a_checkpoint_is_bounded_and_the_rest_comes_with_the_next():
    ledger = owner()
    entries = opened(ledger, *[1000] * 7)
    for entry in entries:
        settle(ledger, entry)
    assert (ledger.unacknowledged, ledger.open) == (7000, 7000)
    assert committed(ledger) == Commit(5, "")
    assert (ledger.unacknowledged, ledger.open) == (2000, 2000)
    assert committed(ledger) == Commit(7, "")


def test_the_bound_is_on_all_partitions_together():
    ledger = owner()
    ledger.assign(P1, Progress(0))
    for partition in (P0, P1):
        for entry in opened(ledger, *[1000] * 3, partition=partition):
            settle(ledger, entry)
    checkpoint = ledger.checkpoint()
    assert checkpoint.size == CHECKPOINT_MAX
    assert {partition: commit.offset for partition, commit in checkpoint.commits.items()} == {P0: 3, P1: 2}


def test_what_is_unacknowledged_is_what_a_kill_would_repeat():
    ledger = owner()
    (entry,) = opened(ledger, 3)
    settle(ledger, entry, 0, 1)
    assert (ledger.unacknowledged, ledger.open) == (2, 3)
    checkpoint = ledger.checkpoint()
    settle(ledger, entry, 2)
    assert (ledger.unacknowledged, ledger.open) == (3, 3)
    ledger.acknowledge(checkpoint)
    assert (ledger.unacknowledged, ledger.open) == (1, 1)


# ── what is owned ───────────────────────────────────────────────────────────────────────────────────────


def test_records_of_a_partition_that_is_not_assigned_are_ignored():
    ledger = owner()
    assert ledger.open_record(P1, 0, 1, "job") is None
    assert (ledger.room(P1), ledger.room(P0)) == (0, OPEN_MAX)
    assert ledger.partitions == {P0}


@pytest.mark.parametrize("again", [False, True], ids=["lost", "assigned anew"])
def test_what_settles_after_its_partition_was_lost_is_ignored(again):
    ledger = owner()
    (entry,) = opened(ledger, 2)
    assert ledger.owns(entry)
    settle(ledger, entry, 0)
    ledger.forget()
    if again:
        ledger.assign(P0, Progress(0))
        opened(ledger, 2)
    assert not ledger.owns(entry)
    settle(ledger, entry, 1)
    assert (ledger.unacknowledged, ledger.open) == (0, 2 if again else 0)


def test_an_acknowledgement_that_comes_after_everything_was_forgotten_counts_for_nothing():
    ledger = owner()
    settle(ledger, *opened(ledger, 1))
    late = ledger.checkpoint()
    ledger.forget()
    ledger.assign(P0, Progress(0))
    (entry,) = opened(ledger, 2)
    settle(ledger, entry)
    ledger.acknowledge(late)
    assert ledger.unacknowledged == 2


def test_a_record_that_was_read_already_is_ignored():
    ledger = owner()
    opened(ledger, 1, 1)
    assert ledger.open_record(P0, 0, 1, "again") is None
    assert ledger.open == 2


def test_room_is_what_may_still_be_opened():
    ledger = owner()
    entries = opened(ledger, *[1000] * 20)
    assert ledger.room(P0) == 0
    settle(ledger, entries[3], *range(10))
    assert ledger.room(P0) == 10


# ── what a new owner does with the map ──────────────────────────────────────────────────────────────────


def test_a_new_owner_hands_out_what_is_not_settled():
    ledger = owner(P0, Progress(5, ((6, 8),), {8: Partial(3, 0b010)}))
    entries = opened(ledger, 1, 1, 1, 3, 1, first=5)
    assert [entry and list(entry.unsettled) for entry in entries] == [[0], None, None, [0, 2], [0]]
    assert ledger.open == 4


def test_what_was_restored_and_not_read_again_yet_stays_in_the_map():
    ledger = owner(P0, Progress(5, ((6, 8), (20, 30)), {8: Partial(3, 0b010), 40: Partial(2, 0b01)}))
    (entry,) = opened(ledger, 1, first=5)
    settle(ledger, entry)
    assert restored(committed(ledger)) == Progress(
        8, ((20, 30),), {8: Partial(3, 0b010), 40: Partial(2, 0b01)}
    )


@pytest.mark.parametrize("reread", [0, 1, 2, 3])
def test_a_range_that_was_read_again_in_part_stays_whole(reread):
    ledger = owner(P0, Progress(4, ((6, 9),), {9: Partial(2, 0b01)}))
    first, _, *again = opened(ledger, *[1] * (2 + reread), first=4)
    assert again == [None] * reread
    settle(ledger, first)
    assert restored(committed(ledger)) == Progress(5, ((6, 9),), {9: Partial(2, 0b01)})


def test_a_record_of_another_size_than_in_the_map_is_repeated_rather_than_lost():
    ledger = owner(P0, Progress(5, (), {5: Partial(3, 0b111)}))
    (entry,) = opened(ledger, 4, first=5)
    assert list(entry.unsettled) == [0, 1, 2, 3]


def test_a_log_that_is_shorter_than_what_was_committed_is_another_one():
    ledger = owner(P0, Progress(500, ((510, 520),), {505: Partial(2, 0b01)}))
    (entry,) = opened(ledger, 2)
    assert ledger.checkpoint().commits == {P0: Commit(0, "")}
    settle(ledger, entry)
    assert committed(ledger) == Commit(1, "")
    for offset in (505, 515):
        (entry,) = opened(ledger, 2, first=offset)
        assert list(entry.unsettled) == [0, 1]


def test_a_log_that_jumps_back_later_is_still_the_same():
    ledger = owner(P0, Progress(500, ((502, 503),)))
    opened(ledger, 1, first=500)
    assert opened(ledger, 1, first=3) == [None]
    assert opened(ledger, 1, 1, first=501)[1] is None


def test_a_log_whose_beginning_is_gone_goes_on_where_it_is():
    ledger = owner(P0, Progress(5, ((7, 8),)))
    (entry,) = opened(ledger, 1, first=100)
    settle(ledger, entry)
    assert committed(ledger) == Commit(101, "")


def test_offsets_without_records_take_no_space_in_the_map():
    ledger, dice = owner(), random.Random(1)
    offset = 0
    for _ in range(OPEN_MAX):
        offset += dice.randint(1, 200)  # transaction markers, compaction
        last = ledger.open_record(P0, offset, 1, "job")
    settle(ledger, last)
    ((_, stop),) = restored(committed(ledger)).done
    assert stop == offset + 1


# ── what was read and holds no record ───────────────────────────────────────────────────────────────────


def test_behind_the_marker_of_a_transaction_nothing_is_left():
    ledger = owner()
    ledger.skip(P0, 0, 3)  # an aborted transaction
    assert ledger.position(P0) == 3
    assert (ledger.checkpoint().commits, ledger.checkpoint()) == ({P0: Commit(3, "")}, None)
    (entry,) = opened(ledger, 1, first=3)
    ledger.skip(P0, 4, 5)
    assert ledger.position(P0) == 5
    assert ledger.checkpoint().commits == {P0: Commit(3, "")}  # the record is open
    settle(ledger, entry)
    assert committed(ledger) == Commit(5, "")


def test_a_marker_is_committed_with_what_other_partitions_settle():
    ledger = owner()
    ledger.assign(P1, Progress(0))
    (entry,) = opened(ledger, 1)
    settle(ledger, entry)
    ledger.skip(P1, 0, 2)
    assert ledger.checkpoint().commits == {P0: Commit(1, ""), P1: Commit(2, "")}


def test_records_that_were_read_and_not_entered_are_never_skipped():
    ledger = owner()
    settle(ledger, *opened(ledger, 1))
    ledger.skip(P0, 3, 4)  # 1 and 2 wait outside, or were dropped there
    assert (ledger.position(P0), committed(ledger)) == (1, Commit(1, ""))


@pytest.mark.parametrize("partition", [P0, P1], ids=["behind", "not assigned"])
def test_what_cannot_be_skipped_is_ignored(partition):
    ledger = owner(P0, Progress(7))
    ledger.skip(partition, 0, 5)
    assert (ledger.position(P0), ledger.checkpoint()) == (7, None)


@pytest.mark.parametrize(
    ("stop", "left"),
    [
        (6, Progress(8, ((20, 30),), {40: Partial(2, 0b01)})),
        (25, Progress(30, (), {40: Partial(2, 0b01)})),
        (35, Progress(35, (), {40: Partial(2, 0b01)})),
        (41, Progress(41)),
    ],
)
def test_what_was_restored_beyond_what_is_skipped_stays_in_the_map(stop, left):
    ledger = owner(P0, Progress(4, ((6, 8), (20, 30)), {40: Partial(2, 0b01)}))
    ledger.skip(P0, 4, stop)
    assert restored(committed(ledger)) == left


@pytest.mark.parametrize("offset", [3, 505])
def test_a_record_where_there_was_none_shows_another_log(offset):
    ledger = owner(P0, Progress(500, ((502, 503),)))
    ledger.skip(P0, 500, 510)
    (entry,) = opened(ledger, 1, first=offset)
    assert restored(ledger.checkpoint().commits[P0]) == Progress(offset)
    settle(ledger, entry)
    assert committed(ledger) == Commit(offset + 1, "")


# ── maps that grow too large ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [1, 3, 10, 100, 1000])
def test_settling_in_any_order_always_makes_progress(size):
    ledger, dice = owner(), random.Random(size)
    entries = opened(ledger, *[size] * (OPEN_MAX // size))
    waiting = [(entry, index) for entry in entries for index in range(size)]
    dice.shuffle(waiting)
    low, told_so_far, was_crowded = 0, 0, False
    while ledger.open:
        # As in the pipeline: what waits in a crowded partition is handed on, and so settled.
        some = len(waiting) if ledger.crowded() else 4000
        assert not ledger.crowded() or ledger.room(P0) == 0
        for entry, index in [waiting.pop() for _ in range(min(some, len(waiting)))]:
            ledger.settle(entry, [(index, None)])
        checkpoint = ledger.checkpoint()
        commit = checkpoint.commits[P0]
        assert len(commit.metadata) <= METADATA_MAX_CHARS
        assert checkpoint.size <= CHECKPOINT_MAX
        assert commit.offset >= low
        assert checkpoint.size or waiting or ledger.crowded()
        was_crowded |= bool(ledger.crowded())
        low, told_so_far = commit.offset, told_so_far + checkpoint.size
        ledger.acknowledge(checkpoint)
    assert (low, told_so_far) == (len(entries), OPEN_MAX // size * size)
    assert ledger.room(P0) == OPEN_MAX
    assert was_crowded is (size in {1, 3, 10})


def test_a_few_recipients_that_stay_open_do_not_crowd_a_partition_out():
    ledger, dice = owner(), random.Random(5)
    entries = opened(ledger, *[1] * OPEN_MAX)
    in_flight = set(dice.sample(range(OPEN_MAX), 512))
    for offset, entry in enumerate(entries):
        if offset not in in_flight:
            settle(ledger, entry)
    while ledger.unacknowledged:
        commit = committed(ledger)
        assert len(commit.metadata) <= METADATA_MAX_CHARS
    assert not ledger.crowded()
    assert commit.offset == min(in_flight)


# ── what an earlier owner had taken up ──────────────────────────────────────────────────────────────────


def test_a_record_of_which_or_behind_which_something_is_settled_was_open_before():
    progress = Progress(3, ((5, 7),), {8: Partial(2, 0b01)})
    ledger = owner(progress=progress)
    entries = opened(ledger, *[2] * 7, first=3)
    found = {entry.offset: entry.was_open for entry in entries if entry}
    assert found == {3: True, 4: True, 7: True, 8: True, 9: False}


def test_without_a_map_nothing_is_known_to_have_been_open():
    assert [entry.was_open for entry in opened(owner(progress=Progress(3)), 1, 1, first=3)] == [False, False]


def test_the_map_of_a_topic_that_was_recreated_says_nothing():
    ledger = owner(progress=Progress(100, ((200, 300),)))
    assert [entry.was_open for entry in opened(ledger, 1, 1)] == [False, False]


def test_a_record_that_is_no_longer_owned_was_not():
    ledger = owner(progress=Progress(0, ((5, 7),)))
    (entry,) = opened(ledger, 1)
    assert entry.was_open
    ledger.forget()
    assert not entry.was_open
