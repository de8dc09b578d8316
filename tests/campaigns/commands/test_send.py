"""`pushmill campaigns send` and `stats`: to whom it goes, and what came of it."""

import json

import pytest
from typer.testing import CliRunner

from tests.campaigns.operations.support import subscription
from worker.commands.pushmill import app

SHOWN = ("--title", "Hello", "--url", "https://shop.example/")


@pytest.fixture
def site(pushmill, added, tmp_path):
    """A site with three subscribers."""
    lines = [
        {"subscription": subscription(name), "external_id": name, "tags": ["news"] if name < "c" else []}
        for name in "abc"
    ]
    file = tmp_path / "all.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    pushmill("subscribers", "import", file, "--site", added["site"], "--vapid-key", "shop")
    return added["site"]


@pytest.mark.parametrize(
    ("whom", "targeted"),
    [
        ((), 3),
        (("--tag", "news"), 2),
        (("--external-id", "a", "--external-id", "c"), 2),
        (("--segment", "seg_1"), 2),
    ],
)
def test_it_goes_to_all_or_to_some(pushmill, site, whom, targeted):
    pushmill("segments", "add", "news", '{"field": "tag", "op": "eq", "value": "news"}', "--site", site)
    sent = pushmill.json("send", site, *SHOWN, *whom)
    assert list(sent) == ["launch", "targeted"]
    assert sent["targeted"] == targeted
    found = pushmill.json("stats", sent["launch"])
    assert (found["targeted"], found["written"], found["shown"]) == (targeted, 0, {"first": 0, "total": 0})


def test_people_are_told_the_same(pushmill, site):
    assert pushmill("send", site, *SHOWN).endswith("  to 3 subscribers\n")
    shown = pushmill("stats", "camp_1")
    assert "           3  targeted\n" in shown
    assert shown.endswith("counted until: not yet\n")


def test_one_subscriber_is_named(pushmill, site):
    known = json.loads(pushmill("subscribers", "export", "--site", site).splitlines()[0])["id"]
    assert pushmill("send", site, *SHOWN, "--subscriber", f"sub_{known}").endswith("  to 1 subscriber\n")


@pytest.mark.parametrize(
    ("whom", "told"),
    [
        (("--subscriber", "sub_1"), "there is no active subscriber of that id"),
        (("--external-id", "nobody"), "there is no active subscriber of that external id"),
        (("--tag", "none"), "the site has no active subscriber whom it is for"),
    ],
)
def test_a_send_to_nobody_is_a_failure(pushmill, site, whom, told):
    assert pushmill.refused("send", site, *SHOWN, *whom, status=1) == f"nobody gets it: {told}"
    sent = json.loads(pushmill.output("send", site, *SHOWN, *whom, "--json", status=1))
    assert sent["targeted"] == 0


def test_those_who_are_not_there_are_told_beside_those_who_are(pushmill, site):
    known = json.loads(pushmill("subscribers", "export", "--site", site).splitlines()[0])["id"]
    whom = ("--subscriber", f"sub_{known}", "--subscriber", "sub_1")
    told = CliRunner().invoke(app, ["campaigns", "send", site, *SHOWN, *whom])
    assert told.exit_code == 0
    assert told.stderr == (
        "pushmill: 1 of --subscriber get nothing: there is no active subscriber of that id\n"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("send", "7", *SHOWN), "SITE should be a site's id, such as site_7"),
        (("send", "site_9", *SHOWN), "There is no such site."),
        (("send", "site_1", "--title", "a"), "give --title and --url, or --content"),
        (("send", "site_1", *SHOWN, "--subscriber", "7"), "--subscriber is no subscriber's id (sub_7)"),
        (("send", "site_1", *SHOWN, "--segment", "7"), "--segment is no segment's id (seg_7)"),
        (("send", "site_1", *SHOWN, "--segment", "seg_7"), "--segment is no segment of this site"),
        (
            ("send", "site_1", *SHOWN, "--tag", "a", "--external-id", "b"),
            "give only one of --subscriber, --external-id, --tag and --segment",
        ),
        (("stats", "camp_9"), "There is no such campaign."),
        (("stats", "launch_9_abcdefgh"), "There is no such launch."),
        (
            ("stats", "9"),
            "ID should be a campaign's id, such as camp_7, or a launch's, such as launch_7_abcdefgh",
        ),
    ],
)
def test_mistakes_are_one_line(pushmill, added, arguments, told):
    assert pushmill.refused(*arguments) == told


def test_what_cannot_be_sent_begins_no_campaign(pushmill, site):
    assert "content" in pushmill.refused("send", site, "--title", "a", "--url", "nowhere")
    assert pushmill.refused("stats", "camp_1") == "There is no such campaign."
