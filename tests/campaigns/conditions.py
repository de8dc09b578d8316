"""What a condition means, said a second time over plain dicts, and strategies that make conditions up."""

import json
import re
from datetime import UTC, datetime, timedelta
from functools import partial

from hypothesis import strategies as st

FOLDED = {
    "browser": str.lower,
    "os": str.lower,
    "platform": str.lower,
    "language": str.lower,
    "country": str.upper,
}
TEXTS = ("browser", "os", "platform", "language", "country", "region", "city", "landing_url")
TIMES = ("created_at", "seen_at")

# ── the oracle ──────────────────────────────────────────────────────────────────────────────────────────────


def holds(tree, subscriber):
    """Whether a condition, as JSON, holds for a subscriber: a dict with `tags` and `attributes`."""
    if "and" in tree:
        return all(holds(part, subscriber) for part in tree["and"])
    if "or" in tree:
        return any(holds(part, subscriber) for part in tree["or"])
    if "not" in tree:
        return not holds(tree["not"], subscriber)
    field, op, value = tree["field"], tree["op"], tree.get("value")
    items = items_of(field, subscriber)
    if tree.get("ignore_case"):
        items, value = [folded(each) for each in items], folded(value)
    if op in {"ne", "not_in", "not_contains", "not_set"}:
        return not any(
            compare(field, {"ne": "eq"}.get(op, op.removeprefix("not_")), each, value) for each in items
        )
    return any(compare(field, op, each, value) for each in items)


def folded(value):
    """A value as text with A to Z as a to z; a list's items so."""
    if isinstance(value, list):
        return [folded(each) for each in value]
    text = value if isinstance(value, str) else json.dumps(value)
    return re.sub("[A-Z]", lambda match: match[0].lower(), text)


def items_of(field, subscriber):
    if field == "tag":
        return subscriber["tags"]
    if field.startswith("attribute."):
        value = subscriber["attributes"].get(field.removeprefix("attribute."))
    else:
        value = subscriber[field]
    return value if isinstance(value, list) else [] if value is None else [value]


def compare(field, op, item, value):
    if op == "set":
        return True
    if op == "in":
        return any(compare(field, "eq", item, each) for each in value)
    if op == "between":
        return compare(field, "ge", item, value[0]) and compare(field, "le", item, value[1])
    if field in TIMES:
        value = datetime.fromisoformat(value)
    elif field in FOLDED:
        value = FOLDED[field](value)
    if kind(item) != kind(value):
        return False
    return {
        "eq": lambda: item == value,
        "gt": lambda: item > value,
        "ge": lambda: item >= value,
        "lt": lambda: item < value,
        "le": lambda: item <= value,
        "starts": lambda: item.startswith(value),
        "ends": lambda: item.endswith(value),
        "contains": lambda: value in item,
    }[op]()


def kind(value):
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__


# ── strategies ──────────────────────────────────────────────────────────────────────────────────────────────
# Few values, so that a made-up condition often holds for a made-up subscriber.

words = st.sampled_from(["a", "b", "ab", "aB", "", "%", "a_b", "\\", "é", "10", "9", "A"])
numbers = st.sampled_from([0, 1, 2, -1, 1.5, 9, 10])
scalars = words | numbers | st.booleans()
moments = st.integers(0, 4).map(lambda days: datetime(2026, 11, 21, tzinfo=UTC) + timedelta(days=days))
written_moments = moments.map(lambda moment: moment.isoformat().replace("+00:00", "Z"))
names = st.sampled_from(["plan", "orders", "sizes", "a.b"]).map("attribute.{}".format)


def _one(field, op, value=None):
    tree = {"field": field, "op": op}
    return tree if value is None else {**tree, "value": value}


def _loose(field, op, value):
    return {**_one(field, op, value), "ignore_case": True}


def _list(values):
    return st.lists(values, min_size=1, max_size=3)


_in_words = st.sampled_from(["eq", "ne", "starts", "ends", "contains", "not_contains"])
_in_order = st.sampled_from(["gt", "ge", "lt", "le"])
_listed = st.sampled_from(["in", "not_in"])
_set = st.sampled_from(["set", "not_set"])
_worded = st.sampled_from(["tag", *TEXTS])

comparisons = st.one_of(
    st.builds(_one, _worded, _in_words, words),
    st.builds(_one, _worded, _listed, _list(words)),
    st.builds(_one, _worded | st.sampled_from(TIMES) | names, _set),
    st.builds(_one, st.sampled_from(TIMES), _in_order | st.sampled_from(["eq", "ne"]), written_moments),
    st.builds(
        _one,
        st.sampled_from(TIMES),
        st.just("between"),
        st.tuples(written_moments, written_moments).map(list),
    ),
    st.builds(_one, names, _in_words, words),
    st.builds(_one, names, st.sampled_from(["eq", "ne"]), scalars),
    st.builds(_one, names, _listed, _list(scalars)),
    st.builds(_one, names, _in_order, words | numbers),
    st.builds(_one, names, st.just("between"), st.tuples(words, words).map(list)),
    st.builds(_one, names, st.just("between"), st.tuples(numbers, numbers).map(list)),
    st.builds(_loose, names, _in_words | _in_order, words),
    st.builds(_loose, names, _listed, _list(words)),
    st.builds(_loose, names, st.just("between"), st.tuples(words, words).map(list)),
)


def _folded(field, text):
    return FOLDED[field](text) if text and field in FOLDED else text


def conditions():
    """Make conditions, as JSON."""
    return st.recursive(
        comparisons,
        lambda inner: st.one_of(
            _list(inner).map(lambda parts: {"and": parts}),
            _list(inner).map(lambda parts: {"or": parts}),
            inner.map(lambda part: {"not": part}),
        ),
        max_leaves=6,
    )


def subscribers():
    """Make subscribers, as dicts that `holds` reads."""
    maybe = words | st.none()
    value = scalars | st.lists(scalars, max_size=3)
    return st.fixed_dictionaries(
        {
            "tags": st.lists(words.filter(bool), max_size=3, unique=True),
            "attributes": st.dictionaries(
                names.map(lambda name: name.removeprefix("attribute.")), value, max_size=3
            ),
            **dict.fromkeys(TIMES, moments),
            **{field: maybe.map(partial(_folded, field)) for field in TEXTS},
        }
    )
