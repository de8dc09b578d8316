"""How platforms spell ids of ours: one spelling an id, in the form that each platform's clients know."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.model.credential import CredentialKind
from campaigns.model.ids import END, Kind
from campaigns.model.platforms import ALIAS_MAX, PLATFORMS, Alias, alias_problem, platform_spelling

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


@pytest.mark.parametrize("text", ["", " 7", "7 ", "7\n", "7\0", "x" * (ALIAS_MAX + 1)])
def test_what_cannot_be_an_id_is_refused(text):
    assert alias_problem(Alias(CredentialKind.SENDPULSE, text)) is not None
    assert alias_problem(Alias(CredentialKind.SENDPULSE, "x" * ALIAS_MAX)) is None


def test_the_own_api_s_ids_are_not_taken_over():
    assert alias_problem(Alias(CredentialKind.OWN, "7")) is not None
