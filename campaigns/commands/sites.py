"""`pushmill campaigns sites`: add, list and show."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from campaigns.adapters.own.lists import list_answer
from campaigns.adapters.own.sites import site_answer
from campaigns.commands.key_files import read_key_file
from campaigns.commands.local import local_service, run_locally
from campaigns.commands.sharing import AsJson, TakenOver, every, number_of, read_aliases, say_json
from campaigns.model.credential import CredentialKind
from campaigns.model.ids import Kind, spell
from campaigns.model.platforms import Alias
from campaigns.model.site import ANY_LOCAL, origin_of
from campaigns.operations.onboarding import OnboardedSite, onboard
from campaigns.operations.service import Page
from campaigns.operations.sites import KeyedSite, SiteDraft, get_identity_secret, get_site, get_sites
from campaigns.sdk.snippet import Snippet, snippet
from worker.commands import MISUSED, end

app = typer.Typer(help="Sites: add, list, show.", no_args_is_help=True)


class Identity(StrEnum):
    """Whether whoever says it is a user of the site has to prove it."""

    PROVED = "proved"
    OPEN = "open"


SiteId = Annotated[str, typer.Argument(metavar="SITE", help="The site's id, such as site_7.")]


@app.command("add")
def add(
    url: Annotated[str, typer.Argument(help="Where the site is: https://shop.example")],
    *,
    taken_over: TakenOver = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(help="Whose pages may subscribe, instead of the URL's. May be given again."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="For people.", show_default="the host")] = None,
    zone: Annotated[str, typer.Option(help="Time zone in which wall times are meant.")] = "UTC",
    vapid_key: Annotated[
        str | None,
        typer.Option(help="What its key is called at the worker.", show_default="a name is made"),
    ] = None,
    key_file: Annotated[
        str | None,
        typer.Option(help="File with the private key that it has already, in any form; - is standard input."),
    ] = None,
    public: Annotated[
        str | None, typer.Option(help="The public key that its pages use: add only if the file matches.")
    ] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="File with the password of an encrypted key.")
    ] = None,
    identity: Annotated[
        Identity, typer.Option(help="Whether who says it is a user of the site has to prove it.")
    ] = Identity.PROVED,
    dev: Annotated[
        bool, typer.Option("--dev", help="Let pages of http://localhost subscribe, too, on any port.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add a site, with a key of its own, and print what its owner needs. Credentials are shown this once.

    A site that has subscribers keeps its key: give it with --key-file, or each browser has to subscribe anew.
    """
    if key_file is None and (public or password_file):
        end("--public and --password-file are about the key in --key-file; give that, too", MISUSED)
    aliases = read_aliases(taken_over)
    draft = SiteDraft(
        url=url,
        origins=_origins(url, origin, dev=dev),
        name=name,
        zone=zone,
        vapid_key=vapid_key,
        private_key=None
        if key_file is None
        else read_key_file(key_file, public=public, password_file=password_file),
        open_identity=identity is Identity.OPEN,
    )
    made, text = run_locally(_add(draft, aliases))
    if as_json:
        say_json(_added_json(made, text))
    else:
        typer.echo("\n".join(_added_lines(made, text)))


def _origins(url: str, given: list[str] | None, *, dev: bool) -> tuple[str, ...] | None:
    if not dev:
        return tuple(given) if given else None
    return (*(given or [origin_of(url) or url]), ANY_LOCAL)


async def _add(draft: SiteDraft, aliases: list[Alias]) -> tuple[OnboardedSite, Snippet]:
    async with local_service() as local:
        made = await onboard(*local, draft, aliases)
        return made, _snippet(made.added, local.service.public_url)


def _snippet(keyed: KeyedSite, public_url: str) -> Snippet:
    return snippet(public_url, spell(Kind.SITE, keyed.site.id), keyed.public_key)


def _added_json(made: OnboardedSite, text: Snippet) -> dict[str, Any]:
    return {
        "site": spell(Kind.SITE, made.added.site.id),
        "vapid_key": made.added.site.vapid_key,
        "ids": made.ids,
        "credentials": _credentials(made),
        "vapid_public_key": made.added.public_key,
        "snippet": str(text),
    }


def _credentials(made: OnboardedSite) -> dict[str, dict[str, str]]:
    tokens = made.tokens
    client_id, _, client_secret = tokens[CredentialKind.SENDPULSE].partition(":")
    return {
        "own": {"key": tokens[CredentialKind.OWN]},
        "sendpulse": {"client_id": client_id, "client_secret": client_secret},
        "pushary": {"key": tokens[CredentialKind.PUSHARY]},
        "truepush": {"token": tokens[CredentialKind.TRUEPUSH]},
        "pushpilot": {"key": tokens[CredentialKind.PUSHPILOT]},
        "pushwoosh": {"api_token": tokens[CredentialKind.PUSHWOOSH], "device_token": made.device_token},
    }


def _added_lines(made: OnboardedSite, text: Snippet) -> list[str]:
    site = made.added.site
    number = spell(Kind.SITE, site.id)
    secrets = [
        f"  {platform:<10} {name:<14} {secret}"
        for platform, parts in _credentials(made).items()
        for name, secret in parts.items()
    ]
    identity = (
        f"Proofs of identity  pushmill campaigns sites show {number} --identity-secret"
        if made.added.identity_secret
        else "Identity is open: whoever says it is a user is believed"
    )
    return [
        f"site        {number}  {site.url}",
        f"key         {site.vapid_key}",
        f"public key  {made.added.public_key}",
        "ids         " + ", ".join(f"{platform} {text}" for platform, text in made.ids.items()),
        "",
        "Credentials, shown this once:",
        *secrets,
        "",
        identity,
        "",
        str(text).rstrip(),
    ]


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List all sites."""
    found = run_locally(_list())
    if as_json:
        say_json(list_answer(Page(found), site_answer))
        return
    for keyed in found:
        typer.echo(f"{spell(Kind.SITE, keyed.site.id):<12}  {keyed.site.url}  {keyed.site.vapid_key}")


async def _list() -> list[KeyedSite]:
    async with local_service() as local:
        return await every(local, lambda local, after, limit: get_sites(*local, after, limit))


@app.command("show")
def show(
    site: SiteId,
    *,
    identity_secret: Annotated[
        bool,
        typer.Option(
            "--identity-secret", help="Print what its server proves users' ids with, and nothing else."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show a site, and what its pages need."""
    number = number_of(Kind.SITE, site, "SITE")
    if identity_secret:
        secret = run_locally(_identity_secret(number))
        if secret is None and not as_json:
            end("this site's identity is open: it has no such secret", MISUSED)
        if as_json:
            say_json({"identity_secret": secret})
        else:
            typer.echo(secret)
        return
    keyed, text = run_locally(_show(number))
    if as_json:
        say_json(site_answer(keyed))
        return
    shown = keyed.site
    typer.echo(
        f"site        {site}  {shown.url}\nname        {shown.name}\norigins     {', '.join(shown.origins)}\n"
        f"zone        {shown.zone}\nkey         {shown.vapid_key}\npublic key  {keyed.public_key}\n\n{text}",
        nl=False,
    )


async def _show(number: int) -> tuple[KeyedSite, Snippet]:
    async with local_service() as local:
        keyed = await get_site(*local, number)
        return keyed, _snippet(keyed, local.service.public_url)


async def _identity_secret(number: int) -> str | None:
    async with local_service() as local:
        return await get_identity_secret(*local, number)
