"""The login: in JSON and as a form; whom a token is given, and how long it works."""

import pytest

from campaigns.adapters.sendpulse.tokens import TokenAnswer, TokenRequest
from campaigns.model.credential import ACCESS_TOKEN_LIFE
from campaigns.model.scope import Permission
from campaigns.operations.credentials import delete_credential
from tests.campaigns.adapters.sendpulse.support import SendPulseApi, code
from tests.campaigns.api.support import NOW, said


async def total(api: SendPulseApi, token: str | None) -> int:
    return (await api.ask("GET", "/push/websites/total", token=token)).answer.status


async def test_a_token_is_given_for_an_hour(api):
    answer = said(await api.log_in_with(*api.client))
    assert answer == {"access_token": answer["access_token"], "token_type": "Bearer", "expires_in": 3600}
    assert len(answer["access_token"]) == 40
    assert await total(api, answer["access_token"]) == 200
    api.now = NOW + ACCESS_TOKEN_LIFE
    assert await total(api, answer["access_token"]) == 401
    again = said(await api.log_in_with(*api.client))["access_token"]
    assert await total(api, again) == 200


async def test_a_form_gets_one_too(api):
    name, secret = api.client
    handled = await api.post_form(
        "/oauth/access_token",
        *(("grant_type", "client_credentials"), ("client_id", name), ("client_secret", secret)),
    )
    assert await total(api, said(handled)["access_token"]) == 200


async def test_a_token_may_do_what_its_credential_may(api, site):
    reader = await api.access_token(await api.credential(Permission.READ))
    assert await total(api, reader) == 200
    task = {"title": "x", "body": "x", "ttl": 0, "website_id": site}
    assert (await api.ask("POST", "/push/tasks", task, token=reader)).answer.status == 403


async def test_a_token_ends_with_its_credential_within_five_seconds(api):
    client = await api.credential(Permission.READ)
    token = await api.access_token(client)
    assert await total(api, token) == 200
    async with api.database.connection() as connection:
        parent = await connection.fetchval("SELECT max(parent) FROM credential")
    await delete_credential(api.scope, api.service, parent)
    api.seconds += 5
    assert await total(api, token) == 401
    assert code(await api.log_in_with(*client)) == (401, 401)


async def test_who_is_not_known_is_told_so_as_clients_expect(api):
    handled = await api.log_in_with(api.client[0], "wrong")
    assert handled.answer.status == 401
    body = said(handled)
    assert (body["error"], body["error_code"]) == ("invalid_client", 401)
    assert body["message"] == body["error_description"]


async def test_who_guesses_is_stopped(api):
    statuses = [(await api.log_in_with("x", str(n))).answer.status for n in range(11)]
    assert statuses == [401] * 10 + [429]


@pytest.mark.parametrize("token", [None, "", "wrong"])
async def test_without_a_token_nothing_is_told(api, token):
    handled = await api.ask("GET", "/push/websites/total", token=token)
    assert handled.answer.status == 401
    assert said(handled) == {"message": "Unauthorized!", "error_code": 401}


async def test_a_token_that_python_wrote_as_bytes_is_read(api):
    assert await total(api, f"b'{api.token}'") == 200


async def test_another_grant_is_refused(api):
    assert code(await api.log_in_with(*api.client, grant_type="password")) == (400, 800)


async def test_secrets_are_in_no_repr(api):
    handled = await api.log_in_with(*api.client)
    issued = said(handled)["access_token"]
    assert issued not in repr(handled)
    assert issued not in repr(TokenAnswer(access_token=issued, expires_in=1))
    asked = TokenRequest(grant_type="x", client_id="x", client_secret="secret")
    assert "secret" not in repr(asked)
