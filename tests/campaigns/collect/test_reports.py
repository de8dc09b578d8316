from datetime import timedelta

import pytest

from campaigns.collect.reports import Reported, Tally, Times, read_reports, tally
from campaigns.model.ids import LaunchId
from tests.campaigns.collect.records import AT, event

LAUNCH = LaunchId(3, "abcdefgh")


def test_events_are_added_up_by_subscriber_and_kind():
    earlier = AT - timedelta(seconds=1)
    read = read_reports([event(7), event(7, at=earlier), event(8), event(7, "dismissed")])
    assert read.times == {
        Reported(LAUNCH, 1, 7, "shown"): Times(2, earlier),
        Reported(LAUNCH, 1, 8, "shown"): Times(1, AT),
        Reported(LAUNCH, 1, 7, "dismissed"): Times(1, AT),
    }
    assert read.passed_over == 0


def test_a_click_is_one_of_the_notification_or_of_a_button():
    read = read_reports([event(7, "clicked"), event(7, "clicked", 0), event(7, "clicked", 1)])
    assert [each.kind for each in read.times] == ["clicked", "button_0", "button_1"]


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"{",
        event(7, "teleported"),
        event(7, "clicked", 2),
        event(7, launch_id="camp_1"),
        event(7, site_id="shop"),
        event(7, subscriber_id="somebody"),
    ],
    ids=range(7),
)
def test_what_is_not_of_this_service_is_passed_over(value):
    read = read_reports([value, event(7)])
    assert read.passed_over == 1
    assert len(read.times) == 1


def test_one_recipient_is_counted_up_to_100_times():
    assert tally(None, Times(3, AT)) == Tally(AT, 3)
    assert tally(None, Times(300, AT)) == Tally(AT, 100)
    assert tally(Tally(AT, 98), Times(1, AT)) == Tally(AT, 99)
    assert tally(Tally(AT, 98), Times(3, AT)) == Tally(AT, 100)


def test_the_first_time_is_the_earliest():
    later = AT + timedelta(seconds=1)
    assert tally(Tally(AT, 1), Times(1, later)) == Tally(AT, 2)
    assert tally(Tally(later, 1), Times(1, AT)) == Tally(AT, 2)
