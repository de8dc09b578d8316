import pytest

from worker.ledger.lease import DURATION, Lease


def test_nothing_may_go_out_before_the_first_answer():
    assert not Lease().holds(0.0)


@pytest.mark.parametrize(
    ("renewals", "now", "holds"),
    [
        ([10.0], 10.0, True),
        ([10.0], 10.0 + DURATION - 0.001, True),
        ([10.0], 10.0 + DURATION, False),
        ([10.0, 10.5], 11.2, True),
        ([10.5, 10.0], 11.2, True),  # an answer to an older question takes nothing back
        ([10.0], 9.0, True),
    ],
)
def test_it_holds_for_a_while_after_the_last_answered_question(renewals, now, holds):
    lease = Lease()
    for asked_at in renewals:
        lease.renew(asked_at)
    assert lease.holds(now) is holds


def test_once_it_is_given_up_no_answer_brings_it_back_before_it_begins_anew():
    lease = Lease()
    lease.renew(10.0)
    lease.end()
    assert not lease.holds(10.0)
    lease.renew(10.5)  # partitions that are being handed over are committed to the end
    assert not lease.holds(10.6)
    lease.begin()
    assert not lease.holds(10.6)
    lease.renew(10.7)
    assert lease.holds(10.8)
