"""JSON of any shape, and JSON that is nearly right, for what reads the requests of clients."""

from hypothesis import strategies as st

from campaigns.model.problems import InvalidError

_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["{{", "{{a}}", "https://a.example/", "\0", "2026-11-21T09:00:00Z", "seg_1", "sub_1"])
)


def json_values(names: st.SearchStrategy[str]):
    """Make JSON, decoded; its members are called by these names."""
    return st.recursive(
        _scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5),
        max_leaves=12,
    )


def nearly(right, names: st.SearchStrategy[str]):
    """Make objects like one that is right, in which some members are anything, or too many."""
    changes = st.dictionaries(st.sampled_from([*right]) | names, json_values(names), max_size=3)
    return changes.map(lambda changed: {**right, **changed})


def attempt(read, *args, **names):
    """Return what something reads, and the problems that it finds instead; nothing else may come of it."""
    try:
        return read(*args, **names), ()
    except InvalidError as error:
        found = error.problems
    assert found
    assert all(each.problem for each in found)
    return None, found
