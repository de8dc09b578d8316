import pytest

from tests.worker.support import HOSTS, JOBS, NOW, job, recipient, record
from worker.ledger.ledger import Entry
from worker.pipeline.intake import take_in
from worker.pipeline.placement import make_deliveries
from worker.push.services import Endpoints
from worker.push.verdict import Settled
from worker.records.envelope import Partition
from worker.records.outcome import Status
from worker.timing.schedule import FIRST_ATTEMPT_GRACE


def placed(value, partition=JOBS, settled=0, shift=0.0):
    taken = take_in(record(value, partition), 0.0)
    entry = Entry(partition, 0, len(taken.recipients), settled, taken.job)
    return make_deliveries(taken, entry, Endpoints(), shift)


def people(count, **fields):
    return [recipient(f"r{number}", **fields) for number in range(count)]


def test_each_recipient_gets_its_endpoint_and_its_moments():
    two = [recipient("a"), recipient("b", "apple")]
    deliveries, unsendable = placed(
        job(*two, ttl=100, stretch_time=60, slice={"first": 4, "total": 8}), shift=7.0
    )
    assert unsendable == []
    assert [(each.recipient.id, each.index, each.number) for each in deliveries] == [("a", 0, 4), ("b", 1, 5)]
    assert [each.endpoint.origin.host for each in deliveries] == [HOSTS["fcm"], HOSTS["apple"]]
    assert [(each.due, each.next) for each in deliveries] == [(NOW + wait, NOW + wait) for wait in (37, 44.5)]
    assert [each.lapses - each.due for each in deliveries] == [100, 100]
    assert [each.attempts for each in deliveries] == [0, 0]


def test_out_of_a_tier_it_goes_on_where_it_was():
    tried = recipient("a", attempts=2, due_at="2027-01-15T08:00:00Z", not_before="2027-01-15T08:00:09Z")
    value = job(tried, recipient("b", attempts=0), start_at="2027-01-15T08:00:05Z", stretch_time=0, ttl=30)
    ((first, second), _) = placed(value | {"lane": "normal"}, Partition("later.10s", 0), shift=7.0)
    assert (first.due, first.next, first.lapses, first.attempts) == (NOW, NOW + 9, NOW + 30, 2)
    assert (second.due, second.next, second.attempts) == (NOW + 12, NOW + 12, 0)
    assert second.lapses == second.due + FIRST_ATTEMPT_GRACE


def test_what_a_checkpoint_holds_is_not_looked_at_again():
    deliveries, _ = placed(job(*people(6)), settled=0b011010)
    assert [each.index for each in deliveries] == [0, 2, 5]


ODD = "https://fcm.googleapis.com/send/odd"


class Stumbling(Endpoints):
    """Fail as if an endpoint had been found that nobody thought of."""

    def parse(self, url):
        if url == ODD:
            raise ZeroDivisionError
        return super().parse(url)


@pytest.mark.parametrize(
    ("subscription", "end"),
    [
        ({"endpoint": "https://127.0.0.1/x"}, Settled(Status.INVALID, "endpoint_not_allowed")),
        ({"endpoint": "http://fcm.googleapis.com/x"}, Settled(Status.INVALID, "endpoint_not_allowed")),
        ({"keys": None}, Settled(Status.INVALID, "bad_subscription")),
        ({"endpoint": ODD}, Settled(Status.REJECTED, "internal_error")),
    ],
)
def test_one_that_cannot_be_sent_to_costs_only_itself(subscription, end):
    first, bad, last = people(3)
    bad["subscription"] |= subscription
    taken = take_in(record(job(first, bad, last)), 0.0)
    entry = Entry(JOBS, 0, 3, 0, taken.job)
    deliveries, unsendable = make_deliveries(taken, entry, Stumbling(), 0.0)
    assert [each.index for each in deliveries] == [0, 2]
    assert unsendable == [(1, end)]
