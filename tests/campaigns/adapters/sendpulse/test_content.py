"""What a push shows in SendPulse's words: buttons and pictures in each form that a client sends."""

from base64 import b64encode

import pytest

from campaigns.adapters.sendpulse.content import Shown, content_of, in_their_words, pictures_of
from campaigns.model.problems import FieldProblem, InvalidError

SHOP = "https://shop.example"
PNG = b"\x89PNG\r\n\x1a\n..."
DATA = b64encode(PNG).decode()


def shown(**fields):
    return Shown(title="Sale", body="Ends today", **fields)


def test_a_link_leads_to_the_website_where_none_is_given():
    assert content_of(shown(), SHOP) == {"title": "Sale", "body": "Ends today", "url": SHOP}
    assert content_of(shown(link=f"{SHOP}/new"), SHOP)["url"] == f"{SHOP}/new"


@pytest.mark.parametrize(
    "buttons",
    [
        [{"text": "Buy", "link": SHOP}],
        '[{"text": "Buy", "link": "https://shop.example"}]',
        {"text": "Buy", "link": SHOP},
    ],
    ids=["list", "JSON", "one"],
)
def test_buttons_come_in_each_form(buttons):
    actions = content_of(shown(buttons=buttons), SHOP)["actions"]
    assert actions == [{"action": "0", "title": "Buy", "url": SHOP}]


@pytest.mark.parametrize(
    ("buttons", "field"),
    [
        ("Buy", "buttons"),
        (["Buy"], "buttons"),
        ([{"text": "Buy", "link": SHOP}] * 3, "buttons"),
        ([{"text": "Buy"}], "buttons[0]"),
        ([{"text": "Buy", "link": 7}], "buttons[0]"),
    ],
)
def test_what_is_no_button_is_refused(buttons, field):
    with pytest.raises(InvalidError) as raised:
        content_of(shown(buttons=buttons), SHOP)
    assert raised.value.problems[0].field == field


@pytest.mark.parametrize(
    "icon",
    [
        {"name": "a.png", "data": DATA},
        f'{{"name": "a.png", "data": "{DATA}"}}',
        {"data": f"data:image/png;base64,{DATA}"},
    ],
    ids=["object", "JSON", "data URL"],
)
def test_pictures_come_in_each_form(icon):
    assert pictures_of(shown(icon=icon)) == {"icon": PNG}


def test_a_picture_without_data_is_none():
    assert pictures_of(shown(icon={"name": "", "data": ""}, image=None)) == {}


@pytest.mark.parametrize(
    ("image", "field"), [("a.png", "image"), ({"data": "%"}, "image.data"), ([1], "image")]
)
def test_what_is_no_picture_is_refused(image, field):
    with pytest.raises(InvalidError) as raised:
        pictures_of(shown(image=image))
    assert raised.value.problems[0].field == field


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("content.title", "title"),
        ("content.url", "link"),
        ("content.actions[1].url", "buttons[1].url"),
        ("content", "title"),
        ("start_at", "send_date"),
        ("target.condition.and[0].value", "filter.and[0].value"),
        ("ttl", "ttl"),
    ],
)
def test_problems_are_told_by_the_names_that_the_client_knows(ours, theirs):
    told = in_their_words(InvalidError([FieldProblem(ours, "is wrong")]))
    assert told.problems == (FieldProblem(theirs, "is wrong"),)
