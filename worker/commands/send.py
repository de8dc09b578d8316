"""`pushmill send`: sends one notification to one subscription, by the same steps as a worker."""

import asyncio
import json
import os
import ssl
import sys
from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import typer

from crypto.agreement.openssl import OpenSSL
from crypto.errors import VapidSubjectError
from crypto.vapid import TokenCache, VapidKey, check_subject
from worker.commands import FAILED, MISUSED, complain, end, run_async
from worker.commands.keys import FOLDER, Folder, read_key
from worker.commands.send_reasons import why_not_made, why_not_sent
from worker.config import ConfigError, Settings, load_settings
from worker.edges import clock
from worker.edges.http.transports import (
    AiohttpTransport,
    HttptoolsTransport,
    Transport,
    make_transport,
    tls_context,
)
from worker.edges.keyring import DEFAULT
from worker.ledger.ledger import Entry
from worker.pipeline.build import RequestBuilder
from worker.pipeline.delivery import Delivery, JobContext
from worker.push.answers import Answer, PushResponse, classify
from worker.push.message import compile_message
from worker.push.request import PushRequest
from worker.push.services import Endpoint, EndpointRefusedError, Endpoints
from worker.push.verdict import Settled, Verdict
from worker.records.envelope import Partition
from worker.records.job import TTL_DEFAULT, Lane, SendJob, Urgency, decode_job
from worker.records.outcome import Status
from worker.records.recipient import Subscription, decode_subscription
from worker.records.values import RecordError
from worker.timing.schedule import make_plan

_HERE = "pushmill-send"
"""Placeholder for the ids of job, campaign and site."""

_READ = (
    *("VAPID_SUBJECT", "ENDPOINT_HOSTS", "ALLOW_PRIVATE_ENDPOINTS", "CA_FILE", "REQUEST_TIMEOUT"),
    *("TRANSPORT", "PROXY_URL"),
)


def send(
    subscription_file: Annotated[
        str, typer.Argument(help="File with what PushSubscription.toJSON() gives; - is standard input.")
    ],
    *,
    title: Annotated[str | None, typer.Option(help="Title of the notification; needs --url.")] = None,
    url: Annotated[str | None, typer.Option(help="URL that a click opens; needs --title.")] = None,
    body: Annotated[str | None, typer.Option(help="Text below the title.")] = None,
    icon: Annotated[str | None, typer.Option(help="URL of the icon.")] = None,
    image: Annotated[str | None, typer.Option(help="URL of a large picture.")] = None,
    badge: Annotated[str | None, typer.Option(help="URL of the small monochrome icon.")] = None,
    tag: Annotated[
        str | None, typer.Option(help="The notification replaces a shown one with the same tag.")
    ] = None,
    payload: Annotated[
        str | None, typer.Option(help="Text that is sent as it is, instead of a notification.")
    ] = None,
    ttl: Annotated[
        int, typer.Option(help="Seconds for which the push service keeps it for a browser that is offline.")
    ] = TTL_DEFAULT,
    urgency: Annotated[Urgency, typer.Option(help="Urgency header (RFC 8030).")] = Urgency.NORMAL,
    topic: Annotated[
        str | None,
        typer.Option(
            help="Topic header (RFC 8030): replaces what waits at the push service under the same topic."
        ),
    ] = None,
    key: Annotated[str, typer.Option(help="VAPID key: its name in the folder, or a PEM file.")] = DEFAULT,
    folder: Folder = FOLDER,
    subject: Annotated[
        str | None,
        typer.Option(help="VAPID subject, a mailto: or https: URL.", show_default="PUSHMILL_VAPID_SUBJECT"),
    ] = None,
) -> None:
    """Send one notification now, without Kafka, and print status, HTTP status, push service, detail and time.

    If it is not sent, standard error has the push service's own reason, and what to look at. Nothing is tried
    again.
    """
    texts = {"title": title, "url": url, "body": body, "tag": tag}
    pictures = {"icon": icon, "image": image, "badge": badge}
    content = _content({k: v for k, v in (texts | pictures).items() if v is not None}, payload)
    settings = _settings(os.environ, subject)
    subscription = _read_subscription(subscription_file)
    job = _job(subscription, {**content, "ttl": ttl, "urgency": urgency, "topic": topic})
    made = _make(job, read_key(key, folder), settings)
    if isinstance(made, Settled):
        for line in why_not_made(made, job):
            complain(line)
        _finish(made)
    _post(made, settings, subscription)


def _content(shown: dict[str, str], payload: str | None) -> dict[str, Any]:
    if payload is not None and shown:
        end(f"--payload cannot be combined with --{next(iter(shown))}: it replaces the notification", MISUSED)
    if payload is None and not shown.keys() >= {"title", "url"}:
        end("give --title and --url for a notification, or --payload", MISUSED)
    return {"notification": shown} if payload is None else {"payload": payload}


def _settings(environ: Mapping[str, str], subject: str | None) -> Settings:
    """Return a worker's settings, with stand-ins for those that only `pushmill run` needs."""
    read = {f"PUSHMILL_{name}" for name in _READ}
    given = {name: value for name, value in environ.items() if name in read}
    given |= {"PUSHMILL_VAPID_DIR": os.curdir, "PUSHMILL_DRAIN_TIMEOUT": "59.9"}
    try:
        if subject is not None:
            given["PUSHMILL_VAPID_SUBJECT"] = check_subject(subject)
        return load_settings(given)
    except VapidSubjectError as error:
        end(f"--subject {error}", MISUSED)
    except ConfigError as error:
        end(" ".join(str(error).split()), MISUSED)


def _read_subscription(file: str) -> Subscription:
    try:
        text = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        end(f"{file} cannot be read: {error.strerror or error}", MISUSED)
    try:
        return decode_subscription(text)
    except RecordError as error:
        if error.code == "bad_json":
            end(f"{file} should hold one subscription in JSON and nothing else", MISUSED)
        end(f"{file} is not a subscription as PushSubscription.toJSON() returns it: {error}", MISUSED)


def _job(subscription: Subscription, fields: dict[str, Any]) -> SendJob:
    ids = {"job_id": _HERE, "campaign_id": _HERE, "site_id": _HERE}
    recipients = [{"id": "subscription", "subscription": msgspec.to_builtins(subscription)}]
    # Python's own `json`: an argument that is not UTF-8 holds halves of surrogate pairs, which it escapes.
    value = json.dumps({"v": 1, **ids, "recipients": recipients, **fields})
    try:
        return decode_job(value.encode()).job
    except RecordError as error:
        end(str(error), MISUSED)


def _make(job: SendJob, key: VapidKey, settings: Settings) -> PushRequest | Settled:
    rules, any_host = settings.host_rules
    subscription = job.recipients[0].subscription
    try:
        endpoint = Endpoints(rules, any_host=any_host).parse(subscription.endpoint)
    except EndpointRefusedError as error:
        complain(
            f"the endpoint {error}; PUSHMILL_ENDPOINT_HOSTS allows hosts (with a port where it is not 443)"
        )
        return Settled(Status.INVALID, "endpoint_not_allowed")
    now = float(int(clock.now()))  # whole seconds, so that adding and subtracting --ttl is exact
    tokens = TokenCache(settings.vapid_subject)
    builder = RequestBuilder(
        _OneKey(key),
        tokens,
        OpenSSL(),
        clock.SystemEntropy(),
        stopwatch=clock.stopwatch,
        on_encrypted=_ignore,
    )
    [made] = builder.requests([_delivery(job, endpoint, now)], now)
    return made if isinstance(made, Settled) else made.request


def _ignore(_seconds: float, _times: int) -> None:
    """Drop the measurement: one push says nothing about how long encryption takes."""


class _OneKey:
    """A keyring with the same key for every site."""

    def __init__(self, key: VapidKey) -> None:
        self._key = key

    def for_site(self, _vapid_key: str | None, _site_id: str) -> VapidKey:
        return self._key


def _delivery(job: SendJob, endpoint: Endpoint, now: float) -> Delivery:
    context = JobContext(job, make_plan(job, now, 0.0), Lane.NORMAL, compile_message(job), ())
    return Delivery(
        job=context,
        entry=Entry(Partition("none", 0), 0, 1, 0, context),
        recipient=job.recipients[0],
        index=0,
        number=None,
        endpoint=endpoint,
        due=now,
        next=now,
        lapses=inf,
        attempts=0,
    )


def _post(request: PushRequest, settings: Settings, subscription: Subscription) -> NoReturn:
    began = clock.stopwatch()
    answer = run_async(_exchange(request, settings))
    took = clock.stopwatch() - began
    service = request.endpoint.origin.service
    verdict = classify(service, answer)
    for line in why_not_sent(verdict, answer, subscription):
        complain(line)
    http_status = answer.status if isinstance(answer, PushResponse) else None
    _finish(verdict, http_status, service, took)


async def _exchange(request: PushRequest, settings: Settings) -> Answer:
    async with _transport(settings) as transport:
        return await _answer(transport, request)


def _transport(settings: Settings) -> AiohttpTransport | HttptoolsTransport:
    try:
        tls = tls_context(settings.ca_file)
    except ssl.SSLError:
        end(f"PUSHMILL_CA_FILE holds no certificates: {settings.ca_file}", MISUSED)
    return make_transport(
        settings.transport,
        timeout=settings.request_timeout,
        tls=tls,
        allow_private=settings.allow_private_endpoints,
        proxy=settings.proxy,
    )


async def _answer(transport: Transport, request: PushRequest) -> Answer:
    answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def on_answer(landed: Answer) -> None:
        if not answer.done():  # cancelled by an interrupt
            answer.set_result(landed)

    transport.post(request, on_answer)
    return await answer


def _finish(
    verdict: Verdict,
    http_status: int | None = None,
    service: str | None = None,
    took: float | None = None,
) -> NoReturn:
    status = verdict.status if isinstance(verdict, Settled) else Status.FAILED
    detail = verdict.detail if isinstance(verdict, Settled) else verdict.reason
    time = "-" if took is None else f"{took * 1000:.0f} ms"
    typer.echo(f"{status} {http_status or '-'} {service or '-'} {detail or '-'} {time}")
    raise typer.Exit(0 if status is Status.SENT else FAILED)
