"""Ids taken over from platforms: whose they may be, what they stand for, and how they are told."""

import pytest

from campaigns.model.credential import CredentialKind
from campaigns.model.ids import Kind
from campaigns.model.platforms import Alias
from campaigns.model.problems import ConflictError, ForbiddenError, InvalidError, NotFoundError
from campaigns.model.scope import Permission
from campaigns.operations.aliases import resolve, spellings, take_over
from tests.campaigns.operations.support import make_account, make_site

TAKEN = Alias(CredentialKind.TRUEPUSH, "5f0c1e9b8d3a4b0011223344")


async def test_an_id_stands_for_what_it_was_taken_over_for_last(scope, service, site):
    other = (await make_site(scope, service)).site.id
    await take_over(scope, service, Kind.SITE, site.id, [TAKEN])
    assert (await take_over(scope, service, Kind.SITE, other, [TAKEN]))["truepush"] == TAKEN.text
    assert (await take_over(scope, service, Kind.SITE, site.id, []))["truepush"] != TAKEN.text


async def test_another_account_s_id_is_a_conflict(database, scope, service, site):
    await take_over(scope, service, Kind.SITE, site.id, [TAKEN])
    other = await make_account(database)
    mine = (await make_site(other, service)).site.id
    with pytest.raises(ConflictError):
        await take_over(other, service, Kind.SITE, mine, [TAKEN])
    with pytest.raises(NotFoundError):
        await take_over(other, service, Kind.SITE, site.id, [])


async def test_what_may_not_or_cannot_be(database, service, scope, site):
    reader = await make_account(database, Permission.READ)
    with pytest.raises(ForbiddenError):
        await take_over(reader, service, Kind.SITE, site.id, [TAKEN])
    with pytest.raises(InvalidError):
        await take_over(scope, service, Kind.SITE, site.id, [Alias(CredentialKind.TRUEPUSH, "")])


async def test_a_text_is_looked_up_before_it_is_read(database, scope, service, site):
    sendpulse = CredentialKind.SENDPULSE
    other = (await make_site(scope, service)).site.id
    assert await resolve(scope, service, Kind.SITE, sendpulse, str(other)) == other
    await take_over(scope, service, Kind.SITE, site.id, [Alias(sendpulse, str(other))])
    assert await resolve(scope, service, Kind.SITE, sendpulse, str(other)) == site.id
    stranger = await make_account(database)
    assert await resolve(stranger, service, Kind.SITE, sendpulse, str(other)) == other, "theirs is not ours"


@pytest.mark.parametrize("text", ["", "x", "7\0", "9" * 30, "5f0c1e9b8d3a4b0011223344"])
async def test_what_can_be_no_id_is_not_found(scope, service, text):
    with pytest.raises(NotFoundError):
        await resolve(scope, service, Kind.SITE, CredentialKind.SENDPULSE, text)


async def test_ids_are_told_as_they_were_taken_over(database, scope, service, site):
    sendpulse = CredentialKind.SENDPULSE
    other = (await make_site(scope, service)).site.id
    await take_over(scope, service, Kind.SITE, site.id, [Alias(sendpulse, "530053")])
    told = await spellings(scope, service, Kind.SITE, sendpulse, [site.id, other, site.id])
    assert told == {site.id: "530053", other: str(other)}
    stranger = await make_account(database)
    assert await spellings(stranger, service, Kind.SITE, sendpulse, [site.id]) == {site.id: str(site.id)}
