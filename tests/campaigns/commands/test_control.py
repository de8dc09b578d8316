"""`pushmill campaigns pause`, `resume` and `cancel`."""

import pytest


@pytest.fixture
def campaign(pushmill, added):
    shown = ("--title", "Hello", "--url", "https://shop.example/")
    pushmill("send", added["site"], *shown, status=1)  # there is nobody
    return "camp_1"


def test_a_campaign_is_paused_resumed_and_cancelled(pushmill, campaign):
    assert pushmill("pause", campaign) == "camp_1 is paused\n"
    assert "paused" in pushmill.refused("pause", campaign)
    resumed = pushmill.json("resume", campaign)
    assert (resumed["id"], resumed["status"]) == (campaign, "queued")
    assert pushmill("cancel", campaign) == "camp_1 is cancelled\n"
    assert pushmill.refused("resume", campaign)


@pytest.mark.parametrize("command", ["pause", "resume", "cancel"])
def test_mistakes_are_one_line(pushmill, command):
    assert pushmill.refused(command, "launch_1_abcdefgh") == "ID should be a campaign's id, such as camp_7"
    assert pushmill.refused(command, "camp_9") == "There is no such campaign."
