"""SendPulse's filters by examples: whom each one means, and what cannot be one."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.adapters.sendpulse.filters import Filters, target_of
from campaigns.model.attribute import Type
from campaigns.model.condition import condition_tree
from campaigns.model.problems import InvalidError
from campaigns.model.target import Everyone, parse_target, target_tree
from tests.campaigns.anything import attempt, json_values
from tests.campaigns.conditions import holds

UTC_ZONE = ZoneInfo("UTC")
TYPES = {"uname": Type.TEXT, "age": Type.NUMBER, "since": Type.DATE}
ADA: dict[str, Any] = {
    "tags": [],
    "browser": "chrome",
    "os": "linux",
    "platform": "desktop",
    "language": "en-us",
    "country": "DE",
    "region": None,
    "city": None,
    "landing_url": "https://shop.example/sale?x=1",
    "created_at": datetime(2026, 11, 21, 12, tzinfo=UTC),
    "seen_at": datetime(2026, 11, 21, 12, tzinfo=UTC),
    "attributes": {"uname": "Ada", "age": 30, "since": "2024-05-01"},
}
BARE = {**ADA, "browser": None, "language": None, "country": None, "landing_url": None, "attributes": {}}


def variable(name: str, *rows: tuple[str, Any], operator: str = "and") -> dict[str, Any]:
    conditions = [{"condition": condition, "value": value} for condition, value in rows]
    return {"filter": {"variable_name": name, "operator": operator, "conditions": conditions}}


def means(fields: dict[str, Any], somebody: dict[str, Any] = ADA) -> bool:
    target = target_of(Filters(**fields), TYPES, UTC_ZONE)
    assert parse_target(target_tree(target)) == target, "as it is kept"
    return isinstance(target, Everyone) or holds(condition_tree(target.condition), somebody)


def test_without_filters_everyone_is_meant():
    assert target_of(Filters(), TYPES, UTC_ZONE) == Everyone()


@pytest.mark.parametrize(
    ("fields", "ada", "bare"),
    [
        ({"filter_lang": "en"}, True, False),
        ({"filter_lang": "EN-US"}, True, False),
        ({"filter_lang": "en-GB"}, False, False),
        ({"filter_lang": "e"}, False, False),
        ({"filter_lang": "ru, en"}, True, False),
        ({"filter_browser": "Chrome,Safari"}, True, False),
        ({"filter_browser": "Firefox"}, False, False),
        ({"filter_browsers": "Chrome"}, True, False),
        ({"filter_browser": "Chrome", "filter_browsers": "Safari"}, False, False),
        ({"filter_region": '["de", "AT"]'}, True, False),
        ({"filter_region": ["FR"]}, False, False),
        ({"filter_region": "DE"}, True, False),
        ({"filter_url": '{"type": "include", "search": "/sale"}'}, True, False),
        ({"filter_url": {"type": "include", "search": ["/x", "/sale"]}}, True, False),
        ({"filter_url": {"type": "exclude", "search": "/sale"}}, False, True),
        ({"filter_url": {"type": "direct", "search": ["https://shop.example/sale?x=1"]}}, True, False),
        ({"filter_url": {"type": "direct", "search": ["https://shop.example/sale"]}}, False, False),
        ({"filter_subscription_date_from": "2026-11-21"}, True, True),
        ({"filter_subscription_date_from": "2026-11-22"}, False, False),
        ({"filter_subscription_date_to": "2026-11-21"}, True, True),
        ({"filter_subscription_date_to": "2026-11-20"}, False, False),
        ({"filter_subscription_date_from": "0001-01-01T00:00:00Z"}, True, True),
        ({"filter_lang": "en", "filter_region": "FR"}, False, False),
    ],
)
def test_filters_mean(fields, ada, bare):
    assert (means(fields), means(fields, BARE)) == (ada, bare)


@pytest.mark.parametrize(
    ("name", "condition", "value", "ada", "bare"),
    [
        ("uname", "equal", "ada", True, False),
        ("uname", "equal", "", False, True),
        ("uname", "notequal", "Ada", False, True),
        ("uname", "notequal", "", True, False),
        ("uname", "likewith", "A", True, False),
        ("uname", "likewith", "", True, True),
        ("uname", "notlikewith", "da", False, True),
        ("uname", "notlikewith", "x", True, True),
        ("uname", "startwith", "aD", True, False),
        ("uname", "endwith", "x", False, False),
        ("uname", "greaterthan", "aaa", True, False),
        ("uname", "lessthan", "B", True, False),
        ("age", "equal", "30", True, False),
        ("age", "equal", 30.0, True, False),
        ("age", "notequal", 30, False, True),
        ("age", "greaterthan", "4", True, False),
        ("age", "lessthan", 100, True, False),
        ("age", "likewith", "3", True, False),
        ("age", "equal", "thirty", False, False),
        ("since", "greaterthan", "2024-01-01", True, False),
    ],
)
def test_conditions_mean(name, condition, value, ada, bare):
    fields = variable(name, (condition, value))
    assert (means(fields), means(fields, BARE)) == (ada, bare)


def test_conditions_are_joined_as_the_operator_says():
    rows = (("likewith", "a"), ("notequal", "ada"))
    assert means(variable("uname", *rows, operator="or"))
    assert not means(variable("uname", *rows, operator="and"))


def test_a_filter_may_come_as_text():
    fields = variable("uname", ("equal", "Ada"))
    assert means({"filter": msgspec.json.encode(fields["filter"]).decode()})


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"filter": "uname"}, "filter"),
        ({"filter": {"variable_name": "uname", "operator": "or", "conditions": []}}, "filter"),
        (variable("name", ("equal", "x")), "filter.variable_name"),
        (variable("uname", ("equal", "x"), operator="xor"), "filter.operator"),
        (variable("uname", ("equal", "x"), operator=["or"]), "filter.operator"),
        (variable("uname", ("equal", "x"), operator={"or": 1}), "filter.operator"),
        (variable("uname", ("equals", "x")), "filter.conditions[0]"),
        (variable("uname", ("equal", None)), "filter.conditions[0]"),
        (variable("age", ("greaterthan", "old")), "filter.conditions[0].value"),
        (variable("uname", *[("equal", "x")] * 51), "filter.conditions"),
        ({"filter_lang": 7}, "filter_lang"),
        ({"filter_browser": ","}, "filter_browser"),
        ({"filter_region": {"country": "DE"}}, "filter_region"),
        ({"filter_url": "/sale"}, "filter_url"),
        ({"filter_url": {"type": "regex", "search": "x"}}, "filter_url"),
        ({"filter_subscription_date_to": "yesterday"}, "filter_subscription_date_to"),
        ({"filter_lang": ",".join(["en"] * 51)}, "filter_lang"),
    ],
)
def test_what_cannot_be_obeyed_is_refused(fields, field):
    with pytest.raises(InvalidError) as raised:
        means(fields)
    assert raised.value.problems[0].field == field


def test_what_is_too_large_to_be_kept_is_refused():
    with pytest.raises(InvalidError):
        means({"filter_url": {"type": "direct", "search": ["x" * 1000] * 40}})


ANYTHING = json_values(st.sampled_from(["type", "search", "conditions", "variable_name", "direct", "uname"]))


@given(st.dictionaries(st.sampled_from(["filter", "filter_url", "filter_region", "filter_lang"]), ANYTHING))
def test_whatever_it_is_it_is_a_target_or_a_problem(fields):
    _, problems = attempt(means, fields)
    assert all(each.field.startswith("filter") for each in problems)
