"""The way of a request through the service: matched, let in, read, handled, answered.

Decides the order of these steps, and what each kind of failure means to the caller. Knows neither sockets nor
any platform's words.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import structlog

from campaigns.adapters.messages import HttpAnswer, HttpRequest
from campaigns.adapters.refusals import Reason, Refusal, RefusedError, refusal_of
from campaigns.adapters.routes import Adapter, Call, Route
from campaigns.api import cross_origin
from campaigns.api.addresses import counted_as
from campaigns.api.authentication import Authenticator
from campaigns.api.idempotency import KEY_MAX, REPLAYED, Key, Repeats
from campaigns.api.limits import FAILED_LOGINS, LOGIN, OPEN, Left, Limiter, TooManyError, per_minute
from campaigns.api.matching import UNKNOWN, Match, Table
from campaigns.model.credential import Credential
from campaigns.model.problems import ProblemError

log = structlog.get_logger(__name__)

TIME_LIMIT = 30.0
"""Seconds that a request may take, its body included; then everything it did is rolled back."""

RETRY_SECONDS = 5
"""When to try again what failed because something is away."""

ReadBody = Callable[[], Awaitable[bytes]]
"""Reads the body; raises RefusedError if it is too large."""


def count_nothing(_adapter: str, _fields: int) -> None:
    """Count nothing."""


class Handled(NamedTuple):
    """A request's end.

    Attributes:
        answer: What goes back.
        adapter: Whose words it is in.
        route: The path of the route, with its parameters in braces; never the path itself.
    """

    answer: HttpAnswer
    adapter: str
    route: str


class Gateway:
    """Answers requests; one for each process.

    Args:
        table: All routes.
        service: What operations need; handed to each call.
        authenticator: Tells whose a request is.
        limiter: Counts requests.
        repeats: Answers a repeated request as the first time.
        away: The errors that mean that the database or Kafka cannot be reached.
        now: The clock.
        time_limit: Seconds that a request may take.
        count_ignored: Is told of fields that were passed over: whose words they are, and how many.
    """

    def __init__(
        self,
        table: Table,
        *,
        service: Any,
        authenticator: Authenticator,
        limiter: Limiter,
        repeats: Repeats,
        away: tuple[type[Exception], ...],
        now: Callable[[], datetime],
        time_limit: float = TIME_LIMIT,
        count_ignored: Callable[[str, int], object] = count_nothing,
    ) -> None:
        self._table = table
        self._service = service
        self._authenticator = authenticator
        self._limiter = limiter
        self._repeats = repeats
        self._away = away
        self._now = now
        self._time_limit = time_limit
        self._count_ignored = count_ignored

    async def answer(self, request: HttpRequest, read_body: ReadBody) -> Handled:
        """Answer a request, whatever becomes of it."""
        adapter, route = self._table.adapter(request.path), None
        headers: dict[str, str] = {}
        try:
            async with asyncio.timeout(self._time_limit):
                if cross_origin.is_preflight(request):
                    return await self._preflight(request, adapter)
                match = self._table.match(request.method, request.path)
                adapter, route = match.route.adapter, match.route
                answer = await self._handle(request, read_body, match, headers)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer
            answer = self._refused(adapter, self._refusal(error, route))
        return Handled(answer.with_headers(headers), adapter.name, route.path if route else UNKNOWN)

    async def _preflight(self, request: HttpRequest, adapter: Adapter) -> Handled:
        match = self._table.match(cross_origin.asked_method(request), request.path)
        await self._limiter.take(OPEN["preflight"], counted_as(request.address))  # the database is asked
        allowed = await self._origin_headers(request, match.route, match.parameters())
        answer = cross_origin.preflight(request, match.route, allowed)
        return Handled(answer, adapter.name, match.route.path)

    async def _handle(
        self, request: HttpRequest, read_body: ReadBody, match: Match, headers: dict[str, str]
    ) -> HttpAnswer:
        """Let a request in, and handle it; `headers` gets what any answer to it carries."""
        route, now = match.route, self._now()
        if route.token_in_body:
            request = replace(request, body=await read_body())
        credential = await self._let_in(request, route, now, headers)
        parameters = match.parameters()
        headers.update(await self._origin_headers(request, route, parameters))
        if route.writes and cross_origin.is_refused(request, route, headers):
            raise RefusedError(Reason.FORBIDDEN, "Pages of this origin may not do this.")
        if not route.token_in_body:
            request = replace(request, body=await read_body())
        call = Call(
            request=request,
            parameters=parameters,
            query=route.adapter.decode_query(request, route.query),
            body=_body(request, route),
            scope=credential.scope if credential else None,
            service=self._service,
            now=now,
            count_ignored=partial(self._count_ignored, route.adapter.name),
        )
        key = _repeat_key(route, credential, call)
        if key is None:
            return await self._run_counted(route, call)
        answer = await self._repeats.once(key, call, partial(_run, route))
        is_repeat = answer.headers.keys() >= REPLAYED.keys()
        return route.say_again(answer) if is_repeat and route.say_again else answer

    async def _run_counted(self, route: Route, call: Call[Any, Any]) -> HttpAnswer:
        """Run a call; one that logs in is counted if it fails."""
        try:
            return await _run(route, call)
        except RefusedError as error:
            if route.limit == LOGIN and error.refusal.reason is Reason.UNAUTHENTICATED:
                await self._limiter.note(FAILED_LOGINS, counted_as(call.request.address))
            raise

    async def _let_in(
        self, request: HttpRequest, route: Route, now: datetime, headers: dict[str, str]
    ) -> Credential | None:
        if route.permission is None:
            try:
                await self._limiter.take(OPEN[route.limit or "open"], counted_as(request.address))
                if route.limit == LOGIN:
                    await self._limiter.check(FAILED_LOGINS, counted_as(request.address))
            except RefusedError:
                headers.update(cross_origin.refusal_headers(request, route))
                raise
            return None
        credential = await self._authenticator.credential(route.adapter, request, now)
        limit = per_minute(credential.rate or route.requests_a_minute or route.adapter.requests_a_minute)
        try:
            left = await self._limiter.take(limit, credential.root)
        except TooManyError as error:
            headers.update(_rate_headers(route.adapter, error.left))
            raise
        headers.update(_rate_headers(route.adapter, left))
        credential.scope.require(route.permission)
        return credential

    async def _origin_headers(
        self, request: HttpRequest, route: Route, parameters: Mapping[str, Any]
    ) -> Mapping[str, str]:
        origin = request.headers.get("origin")
        if route.origin is None or origin is None:
            return {}
        allowed = await route.origin(origin, parameters, self._service)
        return cross_origin.headers(origin, allowed=allowed, credentials=route.credentials)

    def _refusal(self, error: Exception, route: Route | None) -> Refusal:
        retry = {"Retry-After": str(RETRY_SECONDS)}
        if isinstance(error, RefusedError):
            return error.refusal
        if isinstance(error, ProblemError):
            return refusal_of(error)
        template = route.path if route else UNKNOWN
        if isinstance(error, self._away):
            log.warning("cannot serve a request", route=template, error=type(error).__name__)
            return Refusal(Reason.UNAVAILABLE, "The service cannot do this right now.", headers=retry)
        if isinstance(error, TimeoutError):
            log.warning("a request took too long; rolled back", route=template)
            return Refusal(Reason.TIMED_OUT, "This took too long, and nothing was done.", headers=retry)
        if isinstance(error, RecursionError):  # JSON that could be read, and not be gone through
            log.warning("a request is nested too deeply", route=template)
            return Refusal(Reason.MALFORMED, "The request is nested too deeply.")
        log.error("a request failed", route=template, exc_info=error)
        return Refusal(Reason.INTERNAL, "The service has made a mistake, and has written it down.")

    def _refused(self, adapter: Adapter, refusal: Refusal) -> HttpAnswer:
        return adapter.refuse(refusal).with_headers(refusal.headers)


async def _run(route: Route, call: Call[Any, Any]) -> HttpAnswer:
    result = await route.handle(call)
    return result if isinstance(result, HttpAnswer) else route.adapter.encode(result, route.status)


def _body(request: HttpRequest, route: Route) -> Any:
    if route.request is None:
        return None
    if route.media_types and request.media_type not in route.media_types:
        raise RefusedError(
            Reason.UNSUPPORTED_MEDIA_TYPE, f"Send the body as {' or '.join(route.media_types)}."
        )
    return request.body if route.request is bytes else route.adapter.decode_body(request, route.request)


def _repeat_key(route: Route, credential: Credential | None, call: Call[Any, Any]) -> Key | None:
    if route.method != "POST" or credential is None:
        return None
    text = route.repeat_key(call.body) if route.repeat_key else _repeat_header(route.adapter, call.request)
    if text is None:
        return None
    if not (0 < len(text) <= KEY_MAX and text.isascii() and text.isprintable()):
        raise RefusedError(
            Reason.MALFORMED, f"The idempotency key should be 1 to {KEY_MAX} printable characters of ASCII."
        )
    return Key(credential.root, f"{route.method} {route.path}", text)


def _repeat_header(adapter: Adapter, request: HttpRequest) -> str | None:
    name = adapter.idempotency_header
    return None if name is None else request.headers.get(name)


def _rate_headers(adapter: Adapter, left: Left | None) -> Mapping[str, str]:
    return adapter.rate_headers(*left) if left else {}
