import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.push.messages import (
    IDS,
    PUSHMILL,
    SUBSCRIPTION,
    filled,
    job_of,
    notification_of,
    patient,
    rendered,
    shown,
)
from worker.push.message import compile_message
from worker.push.template import BadNotificationError, Checked, OptionalMember
from worker.records.notification import Action
from worker.records.recipient import Recipient
from worker.records.values import encode_json

# ── variables ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{name}}", "Ada"),
        ("Hi {{name}}, {{name}}!", "Hi Ada, Ada!"),
        ("{{name|there}}", "Ada"),
        ("{{nobody|there}}", "there"),
        ("{{nobody|}}", ""),
        ("{{nobody}}", ""),
        ("{{nobody|a|b}}", "a|b"),
        ("{{nobody|two\nlines}}", "two\nlines"),
        ("{{nobody|{{name}}}}", "{{name}}"),  # a fallback is text, not a template, and ends at the first }}
        ("{{empty|there}}", ""),  # given, though empty
        ("{{n}} {{f}} {{yes}} {{no}} {{big}}", "3 1.5 true false 12345678901234567890"),
        ("{{quote}}", '"\\\n🦆'),
        ("{{inner}}", "{{name}}"),  # a value is not a template either
        (
            "{name} {{}} {{ }} {{na-me}} {{na me}} {{näme}} {{name} } { {name}}",
            "{name} {{}} {{ }} {{na-me}} {{na me}} {{näme}} {{name} } { {name}}",
        ),
        ("{{ name }} {{name }} {{\tname\n}} {{\xa0name\xa0}}", "Ada Ada Ada Ada"),
        ("{{ nobody | there }} {{nobody| there}} {{ nobody |there }}", "there there there"),
        ("{{ nobody |  you  and me  }}{{ nobody | }}{{ nobody }}", "you  and me"),
        ("{{ job_id }} {{ recipient_id | x }}", "j:1 r:1"),
        ("{{nothing}} {{nothing|there}} {{ nothing | there }}", " there there"),
        ("{{{name}}}", "{Ada}"),
        ("{{name", "{{name"),
        ("{{job_id}} {{campaign_id}} {{site_id}} {{recipient_id|x}}", "j:1 c.1 s_1 r:1"),
    ],
)
def test_variables_are_filled_in(template, text):
    variables = {
        "name": "Ada",
        "empty": "",
        "nothing": None,
        "n": 3,
        "f": 1.5,
        "yes": True,
        "no": False,
        "big": 12345678901234567890,
        "quote": '"\\\n🦆',
        "inner": "{{name}}",
    }
    assert filled(template, variables) == text


def test_variables_are_filled_in_wherever_there_is_text_but_never_in_keys():
    x = "{{x}}"
    seen = shown(
        {"x": "v"},
        title=x,
        url=f"https://a/{x}",
        body=x,
        icon=f"https://a/{x}",
        image=f"https://a/{x}",
        badge=f"https://a/{x}",
        actions=[Action(x, x, f"https://a/{x}", f"https://a/{x}")],
        tag=x,
        lang=x,
        data={x: [x, {x: x}, [[x]]], "n": 1},
    )
    assert seen == {
        "title": "v",
        "navigate": "https://a/v",
        "body": "v",
        "icon": "https://a/v",
        "image": "https://a/v",
        "badge": "https://a/v",
        "actions": [{"action": "v", "title": "v", "navigate": "https://a/v", "icon": "https://a/v"}],
        "tag": "v",
        "lang": "v",
        "data": {x: ["v", {x: "v"}, [["v"]]], "n": 1, "pushmill": PUSHMILL},
    }


def test_built_in_variables_win():
    forged = dict.fromkeys(IDS, "forged")
    assert filled("{{job_id}} {{campaign_id}} {{site_id}} {{recipient_id}}", forged) == "j:1 c.1 s_1 r:1"
    assert shown(forged)["data"] == {"pushmill": PUSHMILL}


@pytest.mark.parametrize(
    ("template", "url"),
    [
        ("https://a/{{x}}", "https://a/%2F%3F%26%23%20%C3%A4%25"),
        ("https://a/?q={{x}}&n={{n}}", "https://a/?q=%2F%3F%26%23%20%C3%A4%25&n=1.5"),
        ("https://a/{{nobody|a/b}}", "https://a/a%2Fb"),
        ("https://a/?c={{campaign_id}}&j={{job_id}}", "https://a/?c=c.1&j=j%3A1"),
        ("https://a/?r={{recipient_id}}", "https://a/?r=r%3A1"),
        ("https://{{host}}/", "https://shop.example/"),
        ("{{whole}}", "https://b/c?d=e f"),
        ("{{nobody|https://b/c}}", "https://b/c"),
    ],
)
def test_values_are_percent_encoded_in_urls_unless_the_field_is_one_variable(template, url):
    variables = {"x": "/?&# ä%", "n": 1.5, "host": "shop.example", "whole": "https://b/c?d=e f"}
    action = Action("a", "A", template, template)
    seen = shown(
        variables, url=template, icon=template, image=template, badge=template, actions=[action], body="{{x}}"
    )
    assert {seen[name] for name in ("navigate", "icon", "image", "badge")} == {url}
    assert (seen["actions"][0]["navigate"], seen["actions"][0]["icon"]) == (url, url)
    assert seen["body"] == "/?&# ä%"


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "/",
            "shop.example",
            "//shop.example/",
            "http://shop.example/",
            "https:",
            "https://",
            "https:///a",
        ),
        *("https:shop.example", "javascript:alert(1)", "data:text/plain,x", " https://a/", "https://a b/"),
        *(
            "https://user@a/",
            "https://a\\b/",
            "https://a/\n",
            "https://a/\x00",
            "https://?x",
            "https://#x",
            "xhttps://a/",
        ),
    ],
)
@pytest.mark.parametrize("template", ["constant", "{{it}}"])
def test_a_url_that_is_not_absolute_https_is_a_bad_notification(url, template):
    given = url if template == "constant" else template
    for detail, fields in {
        "bad_url": {"url": given},
        "bad_action": {"actions": [Action("a", "A", given)]},
    }.items():
        message = compile_message(job_of(notification_of(**fields)))  # which itself finds nothing wrong
        with pytest.raises(BadNotificationError) as caught:
            message.render(Recipient("r", SUBSCRIPTION, {"it": url}))
        assert caught.value.detail == detail


@pytest.mark.parametrize("title", ["", "  ", "{{nobody}}", "{{empty|x}} {{nobody}}\n"])
def test_a_title_that_ends_up_empty_is_a_bad_notification(title):
    for detail, fields in {
        "bad_title": {"title": title},
        "bad_action": {"actions": [Action("a", title, "https://a/")]},
    }.items():
        with pytest.raises(BadNotificationError) as caught:
            shown({"empty": ""}, **fields)
        assert caught.value.detail == detail


PICTURES = ["icon", "image", "badge", "action icon"]
SHOWN = [
    *("https://a/i.png", "HTTPS://a:8443/", "https://[::1]/i.png", "https://a/?q=a b", "https://a"),
    *("data:image/png;base64,iVBORw0KGgo=", "DATA:,x", "data:"),
    *("/i.png", "i.png", "../i.png", "?i", "#i", "ä.png", "::", "a/b:c", "%"),
    *("//cdn.example/i.png", "\\\\cdn.example/i.png", " https://a/i.png\n", "/i\n.png"),
]
NEVER_SHOWN = [
    *("", " ", "\n", "http://a/i.png", "HTTP://a/", "http:", "https:", "https://", "https:///a", "https:a"),
    *("ftp://a/i.png", "file:///i.png", "javascript:alert(1)", "blob:https://a/1", "C:\\i.png"),
    *("localhost:80/i", "https://a b/", "https://user@a/", "https://[::1/", "https://a:65536/"),
    *("https://a:x/", "https://?x", "//", "///", "//a b/", "//:x", "/\x00.png", "https://a/\x01/"),
]


def with_picture(field, template, variables=None):
    """Render a notification with a picture, and return the object that the picture belongs in."""
    if field.startswith("action"):
        actions = [Action("a", "A", "https://a/", icon=template)]
        return shown(variables, actions=actions, tag="t")["actions"][0]
    return shown(variables, **{field: template}, tag="t")


@pytest.mark.parametrize("field", PICTURES)
@pytest.mark.parametrize("template", ["constant", "{{it}}", "{{ it | /fallback.png }}", "{{nobody|§}}"])
def test_a_picture_goes_out_as_it_is_or_is_left_out(field, template):
    name = field.rpartition(" ")[2]
    for url in (*SHOWN, *NEVER_SHOWN):
        given = url if template == "constant" else template.replace("§", url)
        kept = url.strip() if "§" in template else url
        seen = with_picture(field, given, {"it": url})
        assert seen.get(name) == (kept if url in SHOWN else None), url
        assert with_picture(field, None) == {key: seen[key] for key in seen if key != name}


@pytest.mark.parametrize(
    ("template", "value", "url"),
    [
        ("https://cdn.example/{{x}}.png", "a/b", "https://cdn.example/a%2Fb.png"),
        ("/i/{{x}}.png", "http://a/", "/i/http%3A%2F%2Fa%2F.png"),
        ("data:image/png;base64,{{x}}", "AAAA", "data:image/png;base64,AAAA"),
        ("{{x}}/i.png", "http:", "http%3A/i.png"),
        ("https://{{x}}/i.png", "a b", "https://a%20b/i.png"),
        ("https://{{x}}/i.png", "", None),
        ("http://cdn.example/{{x}}", "a", None),
        ("https://cdn.example:{{x}}/", "999999", None),
        ("{{x}}{{nobody}}", "", None),
        ("https://{{site_id}}.example/{{x}}", "1", "https://s_1.example/1"),
        ("http://{{site_id}}.example/", "1", None),
    ],
)
def test_a_picture_s_url_is_looked_at_once_its_variables_are_filled_in(template, value, url):
    for field in PICTURES:
        assert with_picture(field, template, {"x": value}).get(field.rpartition(" ")[2]) == url


def test_a_picture_that_is_left_out_leaves_json_behind_whatever_is_beside_it():
    bad = "{{nobody}}"
    fields = dict.fromkeys(("icon", "image", "badge"), bad) | {"tag": "50 %", "body": "%b"}
    actions = [Action("a", "A", "https://a/", icon) for icon in (bad, "/i.png", "", None)]
    seen = shown(actions=actions, **fields)
    assert [each.get("icon") for each in seen["actions"]] == [None, "/i.png", None, None]
    assert not {"icon", "image", "badge"} & seen.keys()
    assert (seen["tag"], seen["body"]) == ("50 %", "%b")
    assert shown({"p": "/100%.png"}, icon="{{p}}", image="/50%.png")["icon"] == "/100%.png"


@pytest.mark.parametrize(
    ("fields", "looked_at"),
    [
        ({"title": "Hi {{name}}", "url": "https://shop.example/{{sku}}?{{a}}", "body": "{{b}}"}, 0),
        ({"title": " {{name}}"}, 1),
        ({"url": "https://{{shop}}/"}, 1),
        ({"url": "https://shop.example{{path}}"}, 1),
        ({"url": "https://shop.example/\n{{path}}"}, 1),
        ({"url": "{{url}}"}, 1),
        ({"icon": "https://a/{{x}}", "image": "data:{{x}}", "badge": "/a{{x}}"}, 0),
        ({"icon": "{{x}}", "image": "https://{{x}}/", "badge": "/{{x}}/"}, 3),
        ({"icon": "http://a/"}, 0),
    ],
)
def test_what_no_value_can_make_wrong_is_not_looked_at_again(fields, looked_at):
    placeholders = compile_message(job_of(notification_of(**fields))).placeholders
    assert sum(isinstance(each, Checked | OptionalMember) for each in placeholders) == looked_at


def test_percent_signs_stand_for_themselves():
    assert (
        filled("100 % off, %s %b %(a)s %%: {{name}}", {"name": "%s %b"}) == "100 % off, %s %b %(a)s %%: %s %b"
    )
    assert rendered(job_of(payload="50 % %b")) == b"50 % %b"
    assert shown({"a": "%d"}, url="https://shop.example/%20{{campaign_id}}?{{a}}")["navigate"] == (
        f"https://shop.example/%20{IDS['campaign_id']}?%25d"
    )


# ── against a reference ─────────────────────────────────────────────────────────────────────────────────

names = st.sampled_from(["a", "b", "c_1", "job_id", "recipient_id"])
scalars = st.one_of(
    *(st.none(), st.text(max_size=20), st.integers(), st.booleans()),
    st.floats(allow_nan=False, allow_infinity=False),
)
no_braces = st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"]), max_size=12)
literals = no_braces | st.sampled_from(["{", "}", "}}", "{{ a b }}", "{{}}", "{{a-b}}"])
spaces = st.sampled_from(["", "", " ", "\t ", "\n"])
variables_ = st.tuples(names, st.none() | no_braces, spaces)
templates = st.lists(literals | variables_, max_size=4)


def written(parts):
    """Spell a template out from its parts: texts, and variables with their fallbacks."""
    return "".join(part if isinstance(part, str) else spelled(*part) for part in parts)


def spelled(name, fallback, space):
    return "".join(("{{", space, name, space, "" if fallback is None else f"|{space}{fallback}", "}}"))


def expected(parts, values, encode=str):
    """Return the text that must come of it, part by part."""
    found = []
    for part in parts:
        value = part if isinstance(part, str) else values.get(part[0])
        value = (part[1] or "").strip() if value is None else value
        text = (
            value
            if isinstance(value, str)
            else json.dumps(value)
            if isinstance(value, bool)
            else encode_json(value).decode()
        )
        found.append(text if isinstance(part, str) else encode(text))
    return "".join(found)


@patient
@given(templates, templates, templates, st.dictionaries(names, scalars))
def test_what_is_rendered_equals_a_simple_reference(title, body, url, variables):
    data = {"a": [written(title), {"{{b}}": written(body)}, 1, None]}
    notification = notification_of(
        title="t" + written(title), url="https://a/" + written(url), body=written(body), data=data
    )
    values = variables | IDS
    reference = {
        "web_push": 8030,
        "notification": {
            "title": "t" + expected(title, values),
            "navigate": "https://a/" + expected(url, values, lambda text: quote(text, safe="")),
            "body": expected(body, values),
            "data": {
                "a": [expected(title, values), {"{{b}}": expected(body, values)}, 1, None],
                "pushmill": PUSHMILL,
            },
        },
    }
    if any(char < " " for char in reference["notification"]["navigate"]):
        with pytest.raises(BadNotificationError):
            rendered(job_of(notification), variables)
    else:
        assert rendered(job_of(notification), variables) == encode_json(reference)
