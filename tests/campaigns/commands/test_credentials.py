"""`pushmill campaigns credentials`: shown once, listed without what is secret, revoked."""

import pytest


def test_a_credential_is_made_and_revoked(pushmill, credential_of):
    made = pushmill.json("credentials", "add", "--scope", "send", "--name", "shop")
    assert list(made) == ["id", "kind", "secret"]
    assert made["kind"] == "own"
    assert credential_of(made["secret"]).scopes == {"send"}
    assert pushmill.json("credentials", "revoke", made["id"]) == {"revoked": made["id"]}
    assert credential_of(made["secret"]) is None
    assert pushmill.refused("credentials", "revoke", made["id"]) == "There is no such credential."


def test_one_that_a_customer_s_code_holds_is_taken_over(pushmill, added, credential_of):
    arguments = ("credentials", "add", "--kind", "truepush", "--site", added["site"], "--value-stdin")
    made = pushmill.json(*arguments, input="eyJhbGciOi.eyJpZCI6.c2lnbmF0\n")
    assert made["secret"] == "eyJhbGciOi.eyJpZCI6.c2lnbmF0"
    assert credential_of(made["secret"]).site == 1
    told = pushmill.refused(*arguments, input=made["secret"])
    assert told == "This token is a credential already; give another one."
    assert "token must have from 16" in pushmill.refused(*arguments, input="short")


def test_a_list_never_shows_a_token(pushmill, added):
    keys = [secret for parts in added["credentials"].values() for secret in parts.values()]
    listed = pushmill("credentials", "list") + pushmill("credentials", "list", "--json")
    assert "pushwoosh" in listed
    assert not [key for key in keys if key in listed]
    assert len(pushmill.json("credentials", "list")["data"]) == 7


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "--site", "site_99"), "There is no such site."),
        (("add", "--site", "99"), "--site should be a site's id, such as site_7"),
        (("add", "--rate", "0"), "rate must be from 1 to 1000000 requests a minute"),
        (("revoke", "7"), "ID should be a credential's id, such as cred_7"),
    ],
)
def test_mistakes_are_one_line(pushmill, arguments, told):
    assert pushmill.refused("credentials", *arguments) == told


def test_people_are_told_the_same(pushmill):
    first, second = pushmill("credentials", "add", "--expires-at", "2036-01-01").splitlines()
    assert (first, second[:3]) == ("cred_1  own", "pm_")
