from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.adapters.pushwoosh.conditions import OPERATORS, read_conditions
from campaigns.adapters.refusals import RefusedError
from campaigns.model.condition import And, Comparison, Op, condition_tree, parse_condition
from campaigns.model.problems import InvalidError
from tests.campaigns.anything import json_values

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
DAY = datetime(2026, 11, 21, tzinfo=UTC)
END = timedelta(days=1) - timedelta(microseconds=1)


def read(*triple):
    return read_conditions([list(triple)], "AND", NOW, "conditions")


@pytest.mark.parametrize(
    ("triple", "condition"),
    [
        (("Name", "EQ", "Ada"), Comparison("attribute.Name", Op.IN, ("Ada",))),
        (("Age", "EQ", "18"), Comparison("attribute.Age", Op.IN, ("18", 18))),
        (("Age", "eq", 18), Comparison("attribute.Age", Op.IN, (18, "18"))),
        (("VIP", "EQ", "true"), Comparison("attribute.VIP", Op.IN, ("true", True))),
        (("Age", "GTE", "18"), Comparison("attribute.Age", Op.GE, 18)),
        (("Age", "BETWEEN", [18, "30"]), Comparison("attribute.Age", Op.BETWEEN, (18, 30))),
        (("Born", "LTE", "2000-01-31"), Comparison("attribute.Born", Op.LE, "2000-01-31")),
        (("Born", "GTE", "1 day ago"), Comparison("attribute.Born", Op.GE, "2026-11-20")),
        (("Name", "NOTSET"), Comparison("attribute.Name", Op.NOT_SET)),
        (
            ("Name", "NOTEQ", "Ada"),
            And((Comparison("attribute.Name", Op.SET), Comparison("attribute.Name", Op.NOT_IN, ("Ada",)))),
        ),
        (("Country", "EQ", "de"), Comparison("country", Op.IN, ("DE",))),
        (("City", "IN", ["Ulm"]), Comparison("city", Op.IN, ("Ulm",))),
        (("First Install", "EQ", "2026-11-21"), Comparison("created_at", Op.BETWEEN, (DAY, DAY + END))),
        (("First Install", "GTE", "0 days ago"), Comparison("created_at", Op.GE, DAY)),
        (("Last Application Open", "LTE", "2026-11-21 00:00"), Comparison("seen_at", Op.LE, DAY + END)),
        (
            ("Last Application Open", "BETWEEN", ["2026-11-20", "2026-11-21"]),
            Comparison("seen_at", Op.BETWEEN, (DAY - timedelta(days=1), DAY + END)),
        ),
        (("First Install", "GTE", 1795251600), Comparison("created_at", Op.GE, DAY + timedelta(hours=9))),
    ],
)
def test_a_triple_and_whom_it_means(triple, condition):
    assert read(*triple) == condition


@pytest.mark.parametrize(
    "triple",
    [
        ("Age", "GTE", True),
        ("Age", "BETWEEN", [1, "soon"]),
        ("Age", "IN", 1),
        ("Age", "EQ", None),
        ("Age", "EQ", {}),
        ("Age", "EQ", 1e400),
        ("Age", "EQ", "\0"),
        ("City", "EQ", 7),
        ("City", "LTE", "Ulm"),
        ("First Install", "NOTEQ", "2026-11-21"),
        ("First Install", "EQ", "99999 days ago and more"),
        ("First Install", "EQ", "2026-13-41"),
        ("First Install", "EQ", 10**17),
        ("Born", "GTE", "99999999 days ago"),
        ("", "EQ", 1),
        ("x" * 256, "EQ", 1),
    ],
)
def test_what_is_no_condition_is_refused(triple):
    with pytest.raises((RefusedError, InvalidError)):
        read(*triple)


@given(
    st.lists(
        st.tuples(st.sampled_from(["Age", "Country", "First Install", "x y"]), st.sampled_from([*OPERATORS]))
        .flatmap(lambda two: json_values(st.text(max_size=3)).map(lambda value: [*two, value]))
        .map(list),
        max_size=4,
    )
    | json_values(st.text(max_size=3)).map(lambda value: [value])
)
def test_anything_is_read_as_what_can_be_kept_or_refused(given_conditions):
    try:
        condition = read_conditions(given_conditions, "OR", NOW, "conditions")
    except (RefusedError, InvalidError):
        return
    assert parse_condition(condition_tree(condition)) == condition
