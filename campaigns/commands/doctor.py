"""`pushmill campaigns doctor`: looks at everything between a site and its subscribers."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import aiohttp
import typer

from campaigns.commands.checkup import (
    Finding,
    Page,
    Result,
    is_well,
    key_finding,
    origins_finding,
    policy_finding,
    public_url_finding,
    push_finding,
    worker_finding,
)
from campaigns.commands.local import Local, local_service, run_locally
from campaigns.commands.sharing import AsJson, number_of, say_json
from campaigns.config import CampaignSettings, load_campaign_settings
from campaigns.model.ids import Kind, LaunchId, spell
from campaigns.model.problems import InvalidError
from campaigns.model.site import origin_of
from campaigns.model.target import Subscribers
from campaigns.operations.sending import SendDraft, send
from campaigns.operations.sites import KeyedSite, get_site
from campaigns.operations.statistics import launch_statistics
from campaigns.sdk.snippet import WORKER_PATH, snippet
from crypto import base64url
from crypto.errors import VapidKeyError
from crypto.key_forms import MAX_BYTES
from crypto.vapid import load_vapid_key
from worker.commands import FAILED
from worker.edges.kafka.client import KafkaUnreachableError
from worker.edges.kafka.topics import MissingTopicsError, require_topics
from worker.records.topics import ALL_TOPICS

PAGE_SECONDS = 5.0
PAGE_BYTES = 65_536
OUTCOME_SECONDS = 60.0
"""How long a test push has to come to something."""

_LOOK_SECONDS = 0.5


def doctor(
    site: Annotated[str, typer.Argument(metavar="SITE", help="The site's id, such as site_7.")],
    *,
    to: Annotated[
        str | None, typer.Option(metavar="SUBSCRIBER", help="Send a test push to this one, such as sub_7.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find what is wrong between a site and its subscribers. Fails if anything is.

    Looks at the database, Kafka's topics, the key in PUSHMILL_VAPID_DIR, and loads the site's first page, its
    worker script and the service's own script.
    """
    number = number_of(Kind.SITE, site, "SITE")
    subscriber = None if to is None else number_of(Kind.SUBSCRIBER, to, "--to")
    settings = load_campaign_settings(os.environ)
    findings = run_locally(_findings(settings, number, subscriber))
    if as_json:
        say_json({"ok": is_well(findings), "checks": findings})
    else:
        for each in findings:
            typer.echo(f"{each.result:<7}  {each.check:<13}  {each.detail}")
    if not is_well(findings):
        raise typer.Exit(FAILED)


async def _findings(settings: CampaignSettings, number: int, subscriber: int | None) -> list[Finding]:
    async with local_service() as local:
        keyed = await get_site(*local, number)
        findings = [
            Finding("database", Result.OK, "answers, and has this release's schema"),
            await _topics(settings),
            _key(settings, keyed),
            origins_finding(keyed.site),
            *await _pages(settings, keyed),
        ]
        if subscriber is not None:
            findings.append(await _push(local, keyed, subscriber))
        return findings


async def _topics(settings: CampaignSettings) -> Finding:
    try:
        await require_topics(settings, *(topic.name for topic in ALL_TOPICS))
    except (KafkaUnreachableError, MissingTopicsError) as error:
        return Finding("kafka", Result.WRONG, str(error))
    return Finding("kafka", Result.OK, "answers, and has all topics")


def _key(settings: CampaignSettings, keyed: KeyedSite) -> Finding:
    name, folder = keyed.site.vapid_key, settings.vapid_dir
    found = None if folder is None else _public_in(folder / f"{name}.pem")
    shown = None if folder is None else str(folder)
    return key_finding(name, shown, found, base64url.decode(keyed.public_key))


def _public_in(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return load_vapid_key(file.read(MAX_BYTES)).public
    except (OSError, VapidKeyError):
        return None


async def _pages(settings: CampaignSettings, keyed: KeyedSite) -> list[Finding]:
    site, base = keyed.site, settings.public_url
    text = snippet(base, spell(Kind.SITE, site.id), keyed.public_key)
    limit = aiohttp.ClientTimeout(total=PAGE_SECONDS)
    async with aiohttp.ClientSession(timeout=limit) as session:
        script, first, worker = await asyncio.gather(
            _page(session, f"{base}/sdk/site.js"),
            _page(session, site.url),
            _page(session, f"{origin_of(site.url)}{WORKER_PATH}"),
        )
    return [
        public_url_finding(base, script),
        policy_finding(site, text, first),
        worker_finding(site, text, worker),
    ]


async def _page(session: aiohttp.ClientSession, url: str) -> Page | str:
    """Load a page, or say why it cannot be loaded."""
    try:
        async with session.get(url) as answer:
            policy = ", ".join(answer.headers.getall("Content-Security-Policy", []))
            text = (await answer.content.read(PAGE_BYTES)).decode(errors="replace")
            return Page(answer.status, policy, answer.content_type, text)
    except TimeoutError:
        return f"does not answer within {PAGE_SECONDS:g} s"
    except aiohttp.ClientError as error:
        return f"cannot be loaded: {' '.join(str(error).split())}"


async def _push(local: Local, keyed: KeyedSite, subscriber: int) -> Finding:
    content = {"title": keyed.site.name, "body": "A test push.", "url": keyed.site.url}
    draft = SendDraft(content=content, target=Subscribers((subscriber,)))
    try:
        sent = await send(*local, keyed.site.id, draft, datetime.now(UTC))
    except InvalidError as error:  # a site on http://localhost can be subscribed to, not linked to
        return Finding("test push", Result.WRONG, f"it cannot be sent: {error.detail}")
    launch = LaunchId(sent.launch.id, sent.launch.nonce)
    by_status: dict[str, int] = {}
    try:
        async with asyncio.timeout(OUTCOME_SECONDS if sent.targeted else 0):
            while not by_status:
                await asyncio.sleep(_LOOK_SECONDS)
                by_status = (await launch_statistics(*local, launch)).by_status
    except TimeoutError:
        pass
    return push_finding(by_status, sent.targeted)
