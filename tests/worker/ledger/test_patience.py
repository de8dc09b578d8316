"""How long a checkpoint waits for Kafka."""

from itertools import product

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from worker.ledger.patience import ANSWER_LIMIT, OUTAGE_LIMIT, Patience

TWO_MINUTES = 120.0
BACK_AGAIN = 15.0


def test_an_outage_of_two_minutes_ends_nobody():
    for records in (True, False):
        assert Patience().deadline(100.0, records=records) > 100.0 + TWO_MINUTES + BACK_AGAIN


def test_whoever_has_lost_its_partitions_waits_no_longer_than_for_an_answer():
    patience = Patience()
    patience.lose()
    assert patience.deadline(100.0, records=True) == 100.0 + ANSWER_LIMIT
    assert patience.deadline(100.0, records=False) == 100.0 + OUTAGE_LIMIT  # it will be refused
    patience.begin()
    assert patience.deadline(200.0, records=True) == 200.0 + OUTAGE_LIMIT


def test_a_process_that_has_to_stop_waits_until_then_and_no_later_than_it_said_first():
    patience = Patience()
    patience.end_at(150.0)
    patience.end_at(190.0)
    assert patience.deadline(100.0, records=True) == 150.0
    patience.lose()
    assert patience.deadline(100.0, records=True) == 100.0 + ANSWER_LIMIT
    for records in (True, False):
        assert patience.deadline(149.0, records=records) == 150.0
    patience.begin()
    assert patience.deadline(149.0, records=True) == 150.0


def test_it_says_why_waiting_has_ended():
    patience = Patience()
    assert patience.reason == ""
    patience.end_at(150.0)
    assert patience.reason == ", and the process has to stop"
    patience.lose()
    assert patience.reason == ", and the partitions are lost"


class AnyOrder(RuleBasedStateMachine):
    """Whatever happens, every wait has an end, and none is longer than what is known allows."""

    def __init__(self) -> None:
        super().__init__()
        self.patience = Patience()
        self.lost = False
        self.stops: list[float] = []

    @rule()
    def lose(self) -> None:
        self.patience.lose()
        self.lost = True

    @rule()
    def begin(self) -> None:
        self.patience.begin()
        self.lost = False

    @rule(when=st.floats(0.0, 1000.0))
    def stop(self, when: float) -> None:
        self.patience.end_at(when)
        self.stops.append(when)

    @invariant()
    def every_wait_ends_when_it_should(self) -> None:
        for asked_at, records in product((0.0, 1.0, 400.0), (True, False)):
            limit = ANSWER_LIMIT if self.lost and records else OUTAGE_LIMIT
            assert self.patience.deadline(asked_at, records=records) == min([asked_at + limit, *self.stops])


TestAnyOrder = AnyOrder.TestCase
