"""Where an empty array is an empty object, and where it is one."""

from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct, field

from campaigns.adapters.pushwoosh.empty_arrays import objects_for_empty_arrays


class Inner(Struct):
    values: dict[str, int] = {}
    names: list[str] = []


class Outer(Struct):
    text: str | dict[str, str] | None = None
    inner: Inner | None = None
    many: list[Inner] = []
    bounded: Annotated[dict[str, str], Meta(max_length=3)] | None = None
    either: dict[str, int] | list[int] | None = None
    anything: Any = None
    number: int = 0
    renamed: dict[str, int] = field(default_factory=dict, name="itsName")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ([], {}),
        ({"text": []}, {"text": {}}),
        ({"inner": []}, {"inner": {}}),
        (
            {"inner": {"values": [], "names": [], "x": []}},
            {"inner": {"values": {}, "names": [], "x": []}},
        ),
        ({"many": []}, {"many": []}),
        ({"many": [{"values": []}, []]}, {"many": [{"values": {}}, {}]}),
        ({"bounded": []}, {"bounded": {}}),
        ({"either": []}, {"either": []}),
        ({"anything": []}, {"anything": []}),
        ({"number": []}, {"number": []}),
        ({"itsName": [], "renamed": []}, {"itsName": {}, "renamed": []}),
        ({"text": [1], "inner": "x"}, {"text": [1], "inner": "x"}),
        (7, 7),
    ],
    ids=str,
)
def test_the_type_says_what_is_meant(given, meant):
    assert objects_for_empty_arrays(given, Outer) == meant
