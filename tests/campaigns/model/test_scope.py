import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.model.problems import ForbiddenError, NotFoundError
from campaigns.model.scope import GRANTS, Permission, Scope


def scope(*scopes, site=None):
    return Scope(account=1, credential=2, site=site, scopes=frozenset(scopes))


def test_the_scopes_of_the_contract():
    assert {*Permission} == {"read", "send", "subscribers", "sites", "admin"}
    assert GRANTS.keys() == {*Permission}


@given(st.frozensets(st.sampled_from(Permission)), st.sampled_from(Permission))
def test_a_scope_allows_what_it_has_and_an_administrator_everything(scopes, wanted):
    asked = scope(*scopes)
    allowed = wanted in scopes or Permission.ADMIN in scopes
    assert asked.allows(wanted) == allowed
    if not allowed:
        with pytest.raises(ForbiddenError, match=wanted):
            asked.require(wanted)
    else:
        asked.require(wanted)


def test_a_scope_of_one_site_covers_no_other():
    scope(site=7).require_site(7)
    scope().require_site(8)
    with pytest.raises(NotFoundError, match="site"):
        scope(site=7).require_site(8)
