"""How platforms spell ids of ours: one spelling an id, in the form that each platform's clients know."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.model.credential import CredentialKind
from campaigns.model.ids import END, SUBSCRIBER_END, Kind
from campaigns.model.platforms import (
    ALIAS_MAX,
    PLATFORMS,
    Alias,
    alias_problem,
    platform_spelling,
    read_platform_id,
)

FORMS = {
    CredentialKind.SENDPULSE: r"[0-9]+",
    CredentialKind.PUSHARY: r"seg_[0-9]+",
    CredentialKind.TRUEPUSH: r"[0-9a-f]{24}",
    CredentialKind.PUSHPILOT: r"[0-9]+",
    CredentialKind.PUSHWOOSH: r"[0-9A-F]{5}-[0-9A-F]{5}",
}
NUMBERS = st.integers(0, END - 1)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_id_has_a_spelling_of_its_own(platform):
    @given(NUMBERS, NUMBERS)
    def differ(one, other):
        first, second = (platform_spelling(platform, Kind.SEGMENT, number) for number in (one, other))
        assert re.fullmatch(FORMS[platform], first)
        assert (first == second) == (one == other)

    differ()


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("kind", [Kind.SITE, Kind.CAMPAIGN, Kind.SEGMENT, Kind.TEMPLATE])
def test_what_is_spelled_reads_back(platform, kind):
    @given(NUMBERS)
    def reads_back(number):
        assert read_platform_id(platform, kind, platform_spelling(platform, kind, number)) == number

    reads_back()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_whatever_reads_is_in_its_one_spelling(platform):
    @given(st.from_regex(FORMS[platform], fullmatch=True) | st.text(max_size=30))
    def is_the_spelling(text):
        number = read_platform_id(platform, Kind.SEGMENT, text)
        assert number is None or platform_spelling(platform, Kind.SEGMENT, number) == text

    is_the_spelling()


@pytest.mark.parametrize(
    ("platform", "kind", "text", "number"),
    [
        (CredentialKind.SENDPULSE, Kind.SITE, "53", 53),
        (CredentialKind.SENDPULSE, Kind.SITE, "053", None),
        (CredentialKind.SENDPULSE, Kind.SITE, "-1", None),
        (CredentialKind.SENDPULSE, Kind.SITE, "٥٣", None),
        (CredentialKind.SENDPULSE, Kind.SITE, str(END), None),
        (CredentialKind.SENDPULSE, Kind.SUBSCRIBER, str(END), END),
        (CredentialKind.SENDPULSE, Kind.SUBSCRIBER, str(SUBSCRIBER_END), None),
        (CredentialKind.PUSHARY, Kind.CAMPAIGN, "camp_12", 12),
        (CredentialKind.PUSHARY, Kind.CAMPAIGN, "sub_12", None),
        (CredentialKind.TRUEPUSH, Kind.TEMPLATE, "00000000000000000000000c", 12),
        (CredentialKind.TRUEPUSH, Kind.TEMPLATE, "5f0c1e9b8d3a4b0011223344", None),
        (CredentialKind.PUSHWOOSH, Kind.SITE, "00000-0000C", 12),
        (CredentialKind.PUSHWOOSH, Kind.CAMPAIGN, "0000-00000000-0000000C", 12),
        (CredentialKind.PUSHWOOSH, Kind.CAMPAIGN, "00000-0000C", None),
    ],
)
def test_an_id_is_read_as_its_platform_spells_it(platform, kind, text, number):
    assert read_platform_id(platform, kind, text) == number


@pytest.mark.parametrize("text", ["", " 7", "7 ", "7\n", "7\0", "x" * (ALIAS_MAX + 1)])
def test_what_cannot_be_an_id_is_refused(text):
    assert alias_problem(Alias(CredentialKind.SENDPULSE, text)) is not None
    assert alias_problem(Alias(CredentialKind.SENDPULSE, "x" * ALIAS_MAX)) is None


def test_the_own_api_s_ids_are_not_taken_over():
    assert alias_problem(Alias(CredentialKind.OWN, "7")) is not None
