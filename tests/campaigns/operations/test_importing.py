"""Imports and exports: within the scope, with a key of the account; the registry of attributes follows."""

import pytest

from campaigns.model.attribute import Type
from campaigns.model.import_lines import read_json_line, write_json_line
from campaigns.model.problems import ForbiddenError, NotFoundError
from campaigns.model.scope import Permission, Scope
from campaigns.model.subscriber import Profile, SubscriberStatus, read_subscription
from campaigns.operations import importing
from campaigns.operations.importing import export_page, import_lines
from campaigns.operations.subscribers import count_by_status
from campaigns.store.attributes import list_attributes
from campaigns.store.subscriber_import import Imported, ImportLine
from tests.campaigns.operations.support import (
    NOW,
    contents,
    make_account,
    make_site,
    service_over,
    subscription,
)
from worker.push.services import Endpoints


def lines(*profiles):
    return [
        ImportLine(number, read_subscription(Endpoints(), subscription(str(number))), profile)
        for number, profile in enumerate(profiles, 1)
    ]


async def test_subscribers_and_their_attributes_are_taken_in(database):
    service, scope = service_over(database), await make_account(database)
    site = (await make_site(scope, service)).site
    said = lines(
        Profile(attributes={"plan": "pro", "age": 7}), Profile(attributes={"plan": "premium"}), Profile()
    )
    done = await import_lines(scope, service, site.id, said, vapid_key=site.vapid_key, now=NOW)
    assert done == Imported(3, 0, [])
    assert (await count_by_status(scope, service, site.id))[SubscriberStatus.ACTIVE] == 3
    async with database.connection() as connection:
        found = await list_attributes(connection, site.id)
    assert {each.name: (each.type, each.longest) for each in found} == {
        "age": (Type.NUMBER, 1),
        "plan": (Type.TEXT, 7),
    }


async def test_what_is_exported_is_imported_elsewhere_as_it_was(database, monkeypatch):
    monkeypatch.setattr(importing, "EXPORTED", 2)
    service, scope = service_over(database), await make_account(database)
    site, other = [(await make_site(scope, service)).site for _ in range(2)]
    said = lines(*(Profile(external_id=f"u{number}", tags=("a",)) for number in range(5)))
    await import_lines(scope, service, site.id, said, vapid_key=site.vapid_key, now=NOW)
    found, after = [], -1
    while page := await export_page(scope, service, site.id, after):
        found += page
        after = page[-1].id
    assert len(found) == 5
    again = [
        ImportLine(number, *read_json_line(write_json_line(each), service.endpoints, service.zones))
        for number, each in enumerate(found)
    ]
    done = await import_lines(scope, service, other.id, again, vapid_key=other.vapid_key, now=NOW)
    assert done == Imported(5, 0, [])


async def test_another_account_s_site_and_key_are_not_there(database):
    service, scope = service_over(database), await make_account(database)
    other = await make_account(database)
    site, foreign = (await make_site(scope, service)).site, (await make_site(other, service)).site
    before = await contents(database)
    for asking, number, key in (
        (other, site.id, foreign.vapid_key),
        (scope, site.id, foreign.vapid_key),
        (Scope(scope.account, None, site.id + 1_000, scope.scopes), site.id, site.vapid_key),
    ):
        with pytest.raises(NotFoundError):
            await import_lines(asking, service, number, lines(Profile()), vapid_key=key, now=NOW)
    with pytest.raises(NotFoundError):
        await export_page(other, service, site.id, -1)
    assert await contents(database) == before


@pytest.mark.parametrize("permission", [Permission.READ, Permission.SEND, Permission.SITES])
async def test_only_who_may_change_subscribers_may(database, permission):
    service, scope = service_over(database), await make_account(database, permission)
    with pytest.raises(ForbiddenError):
        await import_lines(scope, service, 1, lines(Profile()), vapid_key="k", now=NOW)
    with pytest.raises(ForbiddenError):
        await export_page(scope, service, 1, -1)
