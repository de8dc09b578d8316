"""`pushmill campaigns credentials`: add, list and revoke."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from campaigns.adapters.own.credentials import credential_answer
from campaigns.adapters.own.lists import list_answer
from campaigns.commands.local import local_service, run_locally
from campaigns.commands.sharing import AsJson, every, number_of, say_json
from campaigns.model.credential import SCOPES, TOKEN_MAX, Credential, CredentialKind
from campaigns.model.ids import Kind, spell
from campaigns.model.scope import Permission
from campaigns.operations.credentials import (
    CredentialDraft,
    IssuedCredential,
    create_credential,
    delete_credential,
    get_credentials,
)
from campaigns.operations.service import Page

app = typer.Typer(help="Credentials of the APIs: add, list, revoke.", no_args_is_help=True)


@app.command("add")
def add(
    *,
    kind: Annotated[CredentialKind, typer.Option(help="Whose API it is for.")] = CredentialKind.OWN,
    scope: Annotated[
        list[Permission] | None,
        typer.Option(help="What it may do. May be given again.", show_default=", ".join(SCOPES)),
    ] = None,
    site: Annotated[
        str | None,
        typer.Option(metavar="SITE", help="The only site that it is for.", show_default="all sites"),
    ] = None,
    name: Annotated[str, typer.Option(help="For people.", show_default=False)] = "",
    rate: Annotated[
        int | None, typer.Option(help="Requests a minute.", show_default="its API's default")
    ] = None,
    expires_at: Annotated[
        datetime | None, typer.Option(help="When it ends, in UTC.", show_default="never")
    ] = None,
    value_stdin: Annotated[
        bool,
        typer.Option(
            "--value-stdin",
            help="Read from standard input one that your code holds already; SendPulse's as ID:SECRET.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a credential, and print it this once: it is kept nowhere."""
    draft = CredentialDraft(
        kind=kind,
        scopes=tuple(scope or SCOPES),
        site=None if site is None else number_of(Kind.SITE, site, "--site"),
        name=name,
        rate=rate,
        expires_at=None if expires_at is None else expires_at.replace(tzinfo=UTC),
        token=_given() if value_stdin else None,
    )
    issued = run_locally(_add(draft))
    number = spell(Kind.CREDENTIAL, issued.credential.id)
    if as_json:
        say_json({"id": number, "kind": kind, "secret": issued.token})
    else:
        typer.echo(f"{number}  {kind}\n{issued.token}")


def _given() -> str:
    return sys.stdin.read(TOKEN_MAX + 2).strip()


async def _add(draft: CredentialDraft) -> IssuedCredential:
    async with local_service() as local:
        return await create_credential(*local, draft)


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List credentials, without what is secret about them."""
    found = run_locally(_list())
    if as_json:
        say_json(list_answer(Page(found), credential_answer))
        return
    for each in found:
        site = "all sites" if each.site is None else spell(Kind.SITE, each.site)
        about = f"{each.kind:<9}  {site:<12}  {','.join(sorted(each.scopes))}  {each.name}".rstrip()
        typer.echo(f"{spell(Kind.CREDENTIAL, each.id):<12}  {about}")


async def _list() -> list[Credential]:
    async with local_service() as local:
        return await every(local, lambda local, after, limit: get_credentials(*local, after, limit))


@app.command("revoke")
def revoke(
    credential: Annotated[str, typer.Argument(metavar="ID", help="The credential's id, such as cred_7.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Revoke a credential, and the access tokens given for it: it ends within 5 seconds."""
    number = number_of(Kind.CREDENTIAL, credential, "ID")
    run_locally(_revoke(number))
    if as_json:
        say_json({"revoked": credential})
    else:
        typer.echo(f"{credential} is revoked")


async def _revoke(number: int) -> None:
    async with local_service() as local:
        await delete_credential(*local, number)
