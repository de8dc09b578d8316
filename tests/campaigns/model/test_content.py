import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.model.attribute import RESERVED
from campaigns.model.content import check_content, variables_of, with_campaign_id
from campaigns.model.problems import InvalidError
from campaigns.model.site import Defaults, NewSite, TrackClicks
from tests.campaigns.anything import attempt, nearly
from worker.push.message import compile_message
from worker.records.job import SendJob
from worker.records.notification import Action, Notification
from worker.records.recipient import EncodedKeys, Recipient, Subscription

SHOP = NewSite(
    url="https://shop.example",
    origins=("https://shop.example",),
    redirect_origins=("https://blog.example",),
    name="Shop",
    zone="UTC",
    vapid_key="shop",
)
HELLO = {"title": "Hello {{name|there}}", "url": "https://shop.example/{{sku}}"}


def checked(tree, track_clicks=TrackClicks.PAGE, site=SHOP, **longest):
    return check_content(
        tree, site=site, longest=longest, track_clicks=track_clicks, public_url="https://push.example"
    )


def problems(tree, track_clicks=TrackClicks.PAGE, **longest):
    with pytest.raises(InvalidError) as raised:
        checked(tree, track_clicks, **longest)
    return {each.field: each.problem for each in raised.value.problems}


def test_content_that_can_be_sent():
    tree = {
        **HELLO,
        "body": "b",
        "icon": "https://shop.example/i.png",
        "actions": [{"action": "buy", "title": "Buy", "url": "{{link}}"}],
        "data": {"any": ["json", {"x": "{{plan}}"}]},
        "require_interaction": True,
    }
    for track_clicks in (TrackClicks.PAGE, TrackClicks.NONE):
        assert checked(tree, track_clicks, link=80, name=20, plan=3) == msgspec.convert(tree, Notification)


@pytest.mark.parametrize(
    ("changes", "field", "problem"),
    [
        ({"title": ""}, "content.title", "is empty"),
        ({"title": None}, "content.title", "null"),
        ({"title": "{{nobody}}"}, "content.title", "is empty"),
        ({"url": "http://shop.example/"}, "content.url", "https"),
        ({"url": "{{nobody}}"}, "content.url", "https"),
        ({"url": "/relative"}, "content.url", "https"),
        ({"renotify": True}, "content.renotify", "tag"),
        ({"titel": "x"}, "content.titel", "did you mean title"),
        ({"body": 7}, "content.body", "expected"),
        ({"body": "{{ broken"}, "content.body", "{{"),
        ({"body": "x\0"}, "content", "NUL"),
        ({"dir": "up"}, "content.dir", "allowed"),
        ({"actions": [{"action": "a", "title": "b"}]}, "content.actions[0].url", "missing"),
        (
            {"actions": [{"action": "a", "title": "", "url": "https://a.example"}]},
            "content.actions[0].title",
            "is empty",
        ),
        (
            {"actions": [{"action": "a", "title": "b", "url": "https://a.example"}] * 11},
            "content.actions",
            "more than 10",
        ),
        ({"body": "x" * 5000}, "content", "over the limit of 3,993"),
        ({"body": "x" * 70_000}, "content", "65,536"),
    ],
)
def test_content_that_cannot_be_sent_is_refused_by_field(changes, field, problem):
    found = problems({**HELLO, **changes})
    assert problem in found[field]
    assert "recipients" not in str(found)


def test_what_other_serializers_write_for_nothing_is_read_as_nothing():
    assert checked({**HELLO, "actions": {}, "data": [], "body": None}) == msgspec.convert(HELLO, Notification)


@pytest.mark.parametrize("tree", [None, [], "x"])
def test_content_is_an_object(tree):
    assert [*problems(tree)] == ["content"]


def test_it_is_checked_with_the_longest_values_that_the_site_has():
    tree = {**HELLO, "body": "{{story}}"}
    assert checked(tree, story=3000)
    assert "over the limit" in problems(tree, story=3990)["content"]


def test_the_token_and_the_longest_ids_are_part_of_the_size():
    """What is checked here is no smaller than what the worker sends."""
    tree = {**HELLO, "body": ""}
    largest = next(size for size in range(4000, 0, -1) if _fits({**tree, "body": "x" * size}))
    recipient = Recipient("sub_9007199254740991", Subscription("", EncodedKeys("", "")), {"t": "x" * 34})
    sent = Notification(
        HELLO["title"],
        HELLO["url"] + "?_pm={{t}}",
        body="x" * largest,
        data={"pushmill": {"t": "{{t}}"}},
    )
    job = SendJob(
        1,
        "launch_1099511627775_aaaaaaaa.1",
        "launch_1099511627775_aaaaaaaa",
        "site_1",
        [],
        notification=sent,
        mutable=True,
    )
    assert 3993 - 12 < len(compile_message(job).render(recipient)) <= 3993


def _fits(tree):
    try:
        checked(tree)
    except InvalidError:
        return False
    return True


def test_a_redirect_may_lead_to_origins_of_the_site():
    for url in ("https://shop.example/{{sku}}", "https://blog.example/"):
        assert checked({**HELLO, "url": url}, TrackClicks.REDIRECT)
    assert (
        "origin" in problems({**HELLO, "url": "https://evil.example/"}, TrackClicks.REDIRECT)["content.url"]
    )
    assert (
        "written out" in problems({**HELLO, "url": "{{link}}"}, TrackClicks.REDIRECT, link=40)["content.url"]
    )


def test_a_sites_pictures_stand_in_for_missing_ones():
    site = msgspec.structs.replace(SHOP, defaults=Defaults(icon="https://shop.example/i.png"))
    assert checked(HELLO, site=site).icon == "https://shop.example/i.png"
    assert checked({**HELLO, "icon": "/own.png"}, site=site).icon == "/own.png"


def test_the_campaigns_id_is_filled_in_wherever_it_stands():
    content = Notification(
        "{{campaign_id}}",
        "https://a.example/?c={{ campaign_id }}&d={{campaign_ids}}",
        actions=[Action("a", "b", "https://a.example/{{campaign_id|x}}")],
        data={"{{campaign_id}}": ["{{campaign_id}}", 7]},
    )
    filled = with_campaign_id(content, "camp_7")
    assert filled == Notification(
        "camp_7",
        "https://a.example/?c=camp_7&d={{campaign_ids}}",
        actions=[Action("a", "b", "https://a.example/camp_7")],
        data={"{{campaign_id}}": ["camp_7", 7]},
    )


def test_only_variables_that_content_names_are_copied():
    content = Notification(
        "{{ name | you }} {{t}} {{job_id}}",
        "https://a.example/{{sku}}",
        data={"{{key}}": [{"x": "{{plan}}"}]},
    )
    assert variables_of(content) == {"name", "sku", "plan"}


@given(st.lists(st.sampled_from(["a", "b_1", "t", "job_id", "{{", "}}", "|", " ", "{{a}}", "{{b_1|}}", "é"])))
def test_what_is_a_variable_to_the_worker_is_one_here(parts):
    text = "".join(parts)
    job = SendJob(1, "j", "c", "s", [], notification=Notification("t", "https://a.example/", body=text))
    recipient = Recipient("r", Subscription("", EncodedKeys("", "")), {"a": "☀", "b_1": "☂"})
    rendered = compile_message(job).render(recipient).decode()
    shown = {name for name, sign in (("a", "☀"), ("b_1", "☂")) if sign in rendered}
    assert variables_of(job.notification) & {"a", "b_1"} == shown
    assert not variables_of(job.notification) & RESERVED


FULL = {
    **HELLO,
    "body": "{{story}}",
    "icon": "/i.png",
    "actions": [{"action": "a", "title": "b", "url": "https://a.example/"}],
    "data": {"a": 1},
    "timestamp": "2026-11-21T09:00:00Z",
    "vibrate": [1],
}
NAMES = st.sampled_from([*Notification.__struct_fields__, "action", "pushmill", "{{a}}"])


@given(nearly(FULL, NAMES), st.sampled_from(TrackClicks))
def test_whatever_it_is_it_can_be_sent_or_has_a_problem_with_a_path(tree, track_clicks):
    content, found = attempt(checked, tree, track_clicks, story=10)
    assert all(each.field.startswith("content") for each in found)
    if content is not None:
        assert isinstance(with_campaign_id(content, "camp_7"), Notification)
        assert isinstance(variables_of(content), frozenset)
