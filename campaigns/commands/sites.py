"""`pushmill campaigns sites`: add, list, show and remove."""

import sys
from typing import Annotated, NoReturn

import typer

from campaigns.adapters.own.lists import list_answer
from campaigns.adapters.own.sites import site_answer
from campaigns.commands.local import local_service, run_locally
from campaigns.commands.progress import Tell, progress
from campaigns.commands.sharing import AsJson, TakenOver, every, number_of, read_aliases, say_json
from campaigns.commands.site_options import (
    Another,
    Dev,
    Identified,
    Identity,
    KeyFile,
    KeyName,
    Name,
    Origins,
    PasswordFile,
    Public,
    Url,
    Zone,
    given_key,
    given_origins,
)
from campaigns.commands.site_words import added_json, added_lines
from campaigns.model.ids import Kind, spell
from campaigns.model.platforms import Alias
from campaigns.model.site import Site
from campaigns.operations.onboarding import OnboardedSite, SecondSiteError, onboard
from campaigns.operations.service import Page
from campaigns.operations.site_removal import SiteContents, contents_of, erase_some, remove_site
from campaigns.operations.sites import (
    KeyedSite,
    SiteDraft,
    get_identity_secret,
    get_site,
    get_sites,
)
from campaigns.sdk.snippet import Snippet, snippet
from worker.commands import MISUSED, complain, end

app = typer.Typer(help="Sites: add, list, show, remove.", no_args_is_help=True)

SiteId = Annotated[str, typer.Argument(metavar="SITE", help="The site's id, such as site_7.")]


@app.command("add")
def add(
    url: Url,
    *,
    taken_over: TakenOver = None,
    origin: Origins = None,
    name: Name = None,
    zone: Zone = "UTC",
    vapid_key: KeyName = None,
    key_file: KeyFile = None,
    public: Public = None,
    password_file: PasswordFile = None,
    identity: Identified = Identity.PROVED,
    dev: Dev = False,
    another: Another = False,
    as_json: AsJson = False,
) -> None:
    """Add a site, with a key of its own, and print what its owner needs. Credentials are shown this once.

    A site that has subscribers keeps its key: give it with --key-file, or each browser has to subscribe anew.
    """
    draft = SiteDraft(
        url=url,
        origins=given_origins(url, origin, dev=dev),
        name=name,
        zone=zone,
        vapid_key=vapid_key,
        private_key=given_key(key_file, public, password_file),
        open_identity=identity is Identity.OPEN,
    )
    made, text = run_locally(_add(draft, read_aliases(taken_over), another=another))
    if as_json:
        say_json(added_json(made, text))
    else:
        typer.echo("\n".join(added_lines(made, text)))


async def _add(draft: SiteDraft, aliases: list[Alias], *, another: bool) -> tuple[OnboardedSite, Snippet]:
    async with local_service() as local:
        try:
            made = await onboard(*local, draft, aliases, another=another)
        except SecondSiteError as error:
            _refuse_second(error.site)
        return made, _snippet(made.added, local.service.public_url)


def _refuse_second(first: Site) -> NoReturn:
    number = spell(Kind.SITE, first.id)
    end(
        f"{number}, {first.url}, is there for these pages already: "
        f"`pushmill campaigns sites show {number}` tells of it, and --another adds one more",
        MISUSED,
    )


def _snippet(keyed: KeyedSite, public_url: str) -> Snippet:
    return snippet(public_url, spell(Kind.SITE, keyed.site.id), keyed.public_key)


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


@app.command("remove")
def remove(
    site: SiteId,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a site with its subscribers, campaigns, statistics, segments, templates and credentials.

    Its VAPID key stays, and so do credentials that are for all sites.
    """
    number = number_of(Kind.SITE, site, "SITE")
    keyed, contents = run_locally(_contents(number))
    if not yes:
        _ask(f"{site}, {keyed.site.url}, with {_listed(contents)}")
    with progress("erasing subscribers", contents.subscribers) as tell:
        run_locally(_remove(number, tell))
    if as_json:
        say_json({"removed": site, **{name: getattr(contents, name) for name in contents.__struct_fields__}})
    else:
        typer.echo(f"{site} is removed, and so are {_listed(contents)}; its key {keyed.site.vapid_key} stays")


def _listed(contents: SiteContents) -> str:
    counts = [(getattr(contents, name), name) for name in contents.__struct_fields__]
    *most, last = (f"{count:,} {name.removesuffix('s') if count == 1 else name}" for count, name in counts)
    return f"{', '.join(most)} and {last}"


def _ask(what: str) -> None:
    if not sys.stdin.isatty():
        end(f"this would remove {what}: give --yes", MISUSED)
    if not typer.confirm(f"Remove {what}? Nothing of it can be brought back.", err=True):
        complain("nothing is removed")
        raise typer.Exit(MISUSED)


async def _contents(number: int) -> tuple[KeyedSite, SiteContents]:
    async with local_service() as local:
        return await get_site(*local, number), await contents_of(*local, number)


async def _remove(number: int, tell: Tell) -> None:
    erased = 0
    async with local_service() as local:
        while more := await erase_some(*local, number):
            erased += more
            tell(erased, f"{erased:,}")
        await remove_site(*local, number)
