from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.adapters.pushwoosh.devices_filter import DEPTH_MAX, parse_devices_filter
from campaigns.adapters.pushwoosh.words import ALWAYS
from campaigns.adapters.refusals import RefusedError
from campaigns.model.condition import And, Comparison, Not, Op, Or, condition_tree, parse_condition
from campaigns.model.problems import InvalidError

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
AGE = Comparison("attribute.Age", Op.GE, 18)
ULM = Comparison("attribute.Town", Op.IN, ("Ulm",))
X = Comparison("attribute.X", Op.IN, (1, "1", True))
SAFARI = Comparison("browser", Op.IN, ("safari",))


def parse(text):
    return parse_devices_filter(text, NOW)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ('T("Age", GTE, 18)', AGE),
        ('t( "Age" , gte,18 )', AGE),
        ('T("Town", e, "Ulm")', ULM),
        ('AT("AAAAA-BBBBB", "Age", GTE, 18)', AGE),
        ('T("Age", GTE, 18) * T("Town", EQ, "Ulm")', And((AGE, ULM))),
        ('T("Age", GTE, 18) + T("Town", EQ, "Ulm")', Or((AGE, ULM))),
        ('T("Age", GTE, 18) \\ T("Town", EQ, "Ulm")', And((AGE, Not(ULM)))),
        ('T("X", EQ, 1) + T("Age", GTE, 18) * T("Town", EQ, "Ulm")', And((Or((X, AGE)), ULM))),
        ('T("X", EQ, 1) + (T("Age", GTE, 18) * T("Town", EQ, "Ulm"))', Or((X, And((AGE, ULM))))),
        ('A("AAAAA-BBBBB")', ALWAYS),
        ('A("AAAAA-BBBBB", ["safari"]) * T("Age", GTE, 18)', And((SAFARI, AGE))),
        ('A("AAAAA-BBBBB", ["IOS", "SAFARI"])', SAFARI),
        ('A("AAAAA-BBBBB") * T("Age", GTE, 18)', AGE),
        ('T("Age", NOTSET)', Comparison("attribute.Age", Op.NOT_SET)),
        ('T("Age", BETWEEN, [18, 30])', Comparison("attribute.Age", Op.BETWEEN, (18, 30))),
        ('T("Born", GTE, 2000-01-31)', Comparison("attribute.Born", Op.GE, "2000-01-31")),
        ('T("Born", LTE, "10 days ago")', Comparison("attribute.Born", Op.LE, "2026-11-11")),
        ('T("VIP", EQ, true)', Comparison("attribute.VIP", Op.IN, (True, 1, "1", "true"))),
        ('T("Language", EQ, "DE")', Comparison("language", Op.IN, ("de",))),
        ('T("Country", IN, ["de", "AT"])', Comparison("country", Op.IN, ("DE", "AT"))),
    ],
)
def test_an_expression_and_whom_it_means(text, condition):
    assert parse(text).condition == condition


def test_what_pypushwoosh_sends():
    text = (
        '((A("AAAAA-BBBBB", ["CHROME", "SAFARI"]) * (T("Age", GTE, 18) + T("City", IN, ["a", "b"]))) '
        '\\ T("X", EQ, 1))'
    )
    read = parse(text)
    assert read.applications == ("AAAAA-BBBBB",)
    browsers, either, but = read.condition.parts
    assert isinstance(browsers, Or)
    assert either == Or((AGE, Comparison("city", Op.IN, ("a", "b"))))
    assert but == Not(X)


def test_the_applications_are_told_each_once():
    read = parse('(A("A1") + AT("B2", "Age", EQ, 1)) + A("A1")')
    assert read.applications == ("A1", "B2")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "()",
        'T("Age", GTE, 18',
        'T("Age", GTE, 18))',
        'T("Age", GTE, 18) T("Age", GTE, 18)',
        'T("Age", GTE, 18) +',
        'T("Age" GTE, 18)',
        "T(Age, GTE, 18)",
        'T("Age", ABOUT, 18)',
        'T("Age", GTE)',
        'T("Age", GTE, ["18"])' + ")",
        'T("Age", BETWEEN, [18])',
        'T("Age", GTE, true)',
        'T("", EQ, 1)',
        'T("Age", IN, [])',
        'G("GROUP")',
        'Event("Purchase")',
        'A("AAAAA-BBBBB", ["IOS"])',
        'A("AAAAA-BBBBB", ["TOASTER"])',
        'A("AAAAA-BBBBB", [])',
        'T("Language", GTE, "de")',
        'T("First Install", IN, ["2026-01-01"])',
        'T("First Install", EQ, "soon")',
        'T("a", EQ, "\\")"',
        "(" * (DEPTH_MAX + 1) + 'T("Age", EQ, 1)' + ")" * (DEPTH_MAX + 1),
        'T("Age", EQ, "' + "x" * 9000 + '")',
    ],
)
def test_what_is_no_expression_is_refused_by_its_field(text):
    with pytest.raises(RefusedError) as raised:
        parse(text)
    [problem] = raised.value.refusal.problems
    assert problem.problem


def test_too_many_terms_are_refused():
    with pytest.raises((RefusedError, InvalidError)):
        parse(" + ".join('T("Age", EQ, 1)' for _ in range(200)))


def test_days_are_counted_only_from_a_moment_that_is_known():
    with pytest.raises(RefusedError):
        parse_devices_filter('T("Born", LTE, "10 days ago")', None)


TERMS = st.sampled_from(['T("Age", GTE, 18)', 'T("Town", EQ, "Ulm")', 'A("A1", ["FIREFOX"])', 'A("A1")'])
EXPRESSIONS = st.recursive(
    TERMS,
    lambda inner: st.tuples(inner, st.sampled_from("+*\\"), inner).map(
        lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
    ),
    max_leaves=12,
)


@given(EXPRESSIONS)
def test_every_expression_becomes_a_condition_that_can_be_kept(text):
    try:
        condition = parse(text).condition
    except InvalidError:
        return  # deeper than a condition may be
    assert parse_condition(condition_tree(condition)) == condition


@given(st.text(alphabet='AT("Ulm",EQ [])+*\\1-', max_size=60) | st.text(max_size=30))
def test_anything_is_read_or_refused(text):
    with suppress(RefusedError, InvalidError):
        parse(text)
