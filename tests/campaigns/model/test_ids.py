import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.model import ids
from campaigns.model.ids import Kind, LaunchId

KINDS = st.sampled_from(Kind)


@pytest.mark.parametrize(
    ("kind", "number", "text"),
    [
        (Kind.SITE, 7, "site_7"),
        (Kind.SUBSCRIBER, 2**53 - 1, "sub_9007199254740991"),
        (Kind.CAMPAIGN, 2**40 - 1, "camp_1099511627775"),
        (Kind.SEGMENT, 1, "seg_1"),
        (Kind.TEMPLATE, 12, "tmpl_12"),
        (Kind.FLOW, 3, "flow_3"),
        (Kind.SUBSCRIBER, 0, "sub_0"),
    ],
)
def test_ids_have_one_spelling(kind, number, text):
    assert ids.spell(kind, number) == text
    assert ids.read(kind, text) == number


@given(KINDS, st.data())
def test_every_id_can_be_read_back(kind, data):
    number = data.draw(st.integers(0, ids.end_of(kind) - 1))
    assert ids.read(kind, ids.spell(kind, number)) == number


@given(KINDS, st.text() | st.from_regex(r"[a-z]{3,4}_[0-9]{0,40}", fullmatch=True))
def test_what_is_read_is_the_one_spelling_and_the_rest_is_nothing(kind, text):
    number = ids.read(kind, text)
    assert number is None or ids.spell(kind, number) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "7", "site_", "site_07", "site_-1", "site_+1", "site_1 ", " site_1", "site_1\n", "SITE_1"),
        *("sub_1", "site_1.0", "site_1099511627776", "site_٣", "site_" + "9" * 5000),
    ],
)
def test_anything_else_is_no_site(text):
    assert ids.read(Kind.SITE, text) is None


@given(st.integers(0, ids.END - 1), st.binary(min_size=5, max_size=5))
def test_launches_have_a_number_and_eight_random_characters(number, random):
    launch = LaunchId(number, ids.make_nonce(random))
    assert ids.read_launch(str(launch)) == launch
    assert str(launch).startswith("launch_")


def test_a_nonce_is_base32_in_lower_case():
    assert ids.make_nonce(b"\x00" * 5) == "aaaaaaaa"
    assert ids.make_nonce(b"\xff" * 5) == "77777777"
    assert ids.make_nonce(b"hello") == "nbswy3dp"  # as `base32 <<<hello` writes it, in capitals


@pytest.mark.parametrize(
    "text",
    [
        *("launch_7", "launch_7_", "launch_7_abcdefg", "launch_7_abcdefghi", "launch_7_ABCDEFGH"),
        *("launch_7_abcdefg1", "launch_07_abcdefgh", "launch_1099511627776_abcdefgh", "camp_7"),
    ],
)
def test_anything_else_is_no_launch(text):
    assert ids.read_launch(text) is None


@given(st.integers(0, ids.END - 1))
def test_every_launch_has_a_slot(number):
    assert 0 <= ids.slot_of(number) < ids.SLOTS
