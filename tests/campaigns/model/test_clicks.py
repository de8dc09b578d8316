import pytest

from campaigns.model.clicks import as_sent, literal_origin, redirect_problems, redirect_target, with_parameter
from campaigns.model.site import TrackClicks
from worker.records.notification import Action, Notification

PUBLIC = "https://push.example"
URL = "https://shop.example/a"


def content(url=URL, **fields):
    return Notification("t", url, **fields)


@pytest.mark.parametrize(
    ("url", "counted"),
    [
        ("https://s.example", "https://s.example?_pm={{t}}"),
        ("https://s.example/a", "https://s.example/a?_pm={{t}}"),
        ("https://s.example/a?b=1", "https://s.example/a?b=1&_pm={{t}}"),
        ("https://s.example/a?", "https://s.example/a?_pm={{t}}"),
        ("https://s.example/a?b&", "https://s.example/a?b&_pm={{t}}"),
        ("https://s.example/a&", "https://s.example/a&?_pm={{t}}"),
        ("https://s.example/a#c?d", "https://s.example/a?_pm={{t}}#c?d"),
        ("https://s.example/a?b#c", "https://s.example/a?b&_pm={{t}}#c"),
        ("https://s.example/{{sku|a?b#c}}", "https://s.example/{{sku|a?b#c}}?_pm={{t}}"),
        ("https://s.example/?q={{ q }}", "https://s.example/?q={{ q }}&_pm={{t}}"),
        ("{{link}}", "{{link}}"),
        ("https://{{host}}/a", "https://{{host}}/a"),
        ("http://s.example/a", "http://s.example/a"),
    ],
)
def test_the_page_gets_the_token_in_its_query(url, counted):
    assert with_parameter(url, "_pm={{t}}") == counted
    assert as_sent(content(url), TrackClicks.PAGE, PUBLIC).url == counted


def test_clicks_that_are_redirected_go_by_the_service():
    actions = [Action(name, name, URL) for name in "abc"]
    sent = as_sent(content(actions=actions), TrackClicks.REDIRECT, PUBLIC)
    assert sent.url == "https://push.example/c/{{t}}/body"
    assert [each.url for each in sent.actions] == [
        "https://push.example/c/{{t}}/0",
        "https://push.example/c/{{t}}/1",
        URL,  # browsers show two
    ]


def test_urls_are_left_alone_where_clicks_are_not_counted():
    assert as_sent(content(), TrackClicks.NONE, PUBLIC).url == URL


@pytest.mark.parametrize("given", [None, {}, {"pushmill": "x"}, {"pushmill": {"mine": 1}}, {"a": 1}])
def test_the_token_is_in_the_data_beside_what_is_there(given):
    data = as_sent(content(data=given), TrackClicks.NONE, PUBLIC).data
    assert data["pushmill"]["t"] == "{{t}}"
    assert data.get("a") == (given or {}).get("a")
    own = (given or {}).get("pushmill")
    assert data["pushmill"].get("mine") == (1 if isinstance(own, dict) else None)


@pytest.mark.parametrize(
    ("track_clicks", "told"),
    [(TrackClicks.PAGE, None), (TrackClicks.REDIRECT, "redirect"), (TrackClicks.NONE, "none")],
)
def test_the_service_worker_is_told_where_it_must_not_count(track_clicks, told):
    assert as_sent(content(), track_clicks, PUBLIC).data["pushmill"].get("clicks") == told


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://s.example", "https://s.example"),
        ("https://S.example:8443/{{a}}", "https://s.example:8443"),
        ("https://s.example?{{a}}", "https://s.example"),
        ("https://s.example{{a}}/", None),
        ("https://s.example{{a}}", None),
        ("https://{{a}}", None),
        ("{{a}}", None),
        ("https://s.example@evil.example/", None),
        ("https://s.example\\@evil.example/", None),
        ("http://s.example/", None),
    ],
)
def test_an_origin_must_be_written_out(url, origin):
    assert literal_origin(url) == origin


def test_a_redirect_leads_to_the_origins_of_its_site_alone():
    actions = [Action("a", "a", "https://evil.example/"), Action("b", "b", "{{link}}"), Action("c", "c", URL)]
    found = redirect_problems(content(actions=actions), ("https://shop.example",))
    assert [(each.field, each.problem.partition(" ")[0]) for each in found] == [
        ("content.actions[0].url", "leads"),
        ("content.actions[1].url", "must"),
    ]


def target(url, place="body", **variables):
    shown = content(url, actions=[Action("a", "a", "https://shop.example/{{sku}}/0")])
    return redirect_target(
        shown,
        place,
        launch_id="launch_1_aaaaaaaa",
        site_id="site_7",
        recipient_id="sub_9",
        variables=variables,
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop.example/{{sku}}?c={{campaign_id}}", "https://shop.example/a%2Fb?c=launch_1_aaaaaaaa"),
        ("https://shop.example/{{recipient_id}}/{{site_id}}", "https://shop.example/sub_9/site_7"),
        ("https://shop.example/{{gone|x}}", "https://shop.example/x"),
        ("{{sku}}", None),
        ("https://shop.example/\n", None),
    ],
)
def test_a_redirect_leads_where_the_worker_would_have_led(url, expected):
    assert target(url, sku="a/b") == expected


def test_a_redirect_of_a_button_leads_to_its_url():
    assert target(URL, 0, sku="x") == "https://shop.example/x/0"
    assert target(URL, 1) is None


def test_a_redirect_to_a_url_without_end_leads_nowhere():
    assert target("https://shop.example/{{a}}", a="x" * 5000) is None
