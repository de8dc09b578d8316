"""A table of routes of the tests' own, and a gateway around it that needs no database."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from campaigns.adapters.messages import HttpAnswer, HttpRequest
from campaigns.adapters.own.adapter import OWN
from campaigns.adapters.refusals import Reason, RefusedError
from campaigns.adapters.routes import Call, Route
from campaigns.api.authentication import Authenticator
from campaigns.api.gateway import Gateway, Handled
from campaigns.api.idempotency import Key, Repeats
from campaigns.api.limits import IN_MEMORY, Limiter
from campaigns.api.matching import Table
from campaigns.model.credential import Credential, CredentialKind, digest_of
from campaigns.model.problems import ConflictError, NotFoundError, invalid
from campaigns.model.scope import Permission
from campaigns.store.idempotency import KeptAnswer

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
KEY = "pm_key"
READER = "pm_reader"
OWN_KEY = "(the client's own)"
SHOP = "https://shop.example"


class AwayError(Exception):
    """The database of these tests is away."""


class Notice(Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    count: int = 0


class Filter(Struct, frozen=True, forbid_unknown_fields=True):
    limit: int = 50


class Made(Struct, frozen=True):
    id: str
    title: str


class Service:
    """Notes what was done, unless the transaction was undone."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.running = asyncio.Event()
        self.go_on = asyncio.Event()


async def echo(call: Call[Filter, None]) -> Made:
    return Made(f"site_{call.parameters['site']}", f"{call.caller.account} {call.query.limit}")


async def create(call: Call[Any, Notice]) -> Made:
    call.service.made.append(call.body.title)
    match call.body.title:
        case "missing":
            raise NotFoundError("segment")
        case "conflict":
            raise ConflictError("It has been sent.")
        case "invalid":
            raise invalid("content.title", "is empty")
        case "away":
            raise AwayError
        case "bug":
            raise ZeroDivisionError
        case "deep":
            raise RecursionError
        case "slow":
            call.service.running.set()
            await call.service.go_on.wait()
    return Made(f"n{len(call.service.made)}", call.body.title)


async def log_in(call: Call[Any, bytes]) -> None:
    if call.body != b"right":
        raise RefusedError(Reason.UNAUTHENTICATED, "This credential is not known.")


async def nothing(_call: Call[Any, None]) -> None:
    return None


async def take(call: Call[Any, bytes]) -> HttpAnswer:
    return HttpAnswer(200, call.body, "text/plain")


async def is_shop(origin: str, _parameters: object, _service: object) -> bool:
    return origin == SHOP


def route(method: str, path: str, handle: Any, **more: Any) -> Route:
    name = more.pop("name", f"{method} {path}")
    return Route(adapter=OWN, name=name, method=method, path=path, handle=handle, summary="", **more)


ROUTES = (
    route("GET", "/v1/sites/{site}", echo, permission=Permission.READ, query=Filter, answer=Made),
    route("POST", "/v1/notices", create, permission=Permission.SEND, request=Notice, answer=Made, status=201),
    route("POST", "/v1/sites/{site}/notices", create, permission=Permission.SEND, request=Notice, status=201),
    route("DELETE", "/v1/sites/{site}", nothing, permission=Permission.SITES, status=204),
    route("POST", "/v1/open", take, request=bytes, media_types=("text/plain",), origin=is_shop),
    route("POST", "//twice", nothing),
    route(
        "POST",
        "/v1/repeated",
        create,
        permission=Permission.SEND,
        request=Notice,
        repeat_key=lambda notice: notice.title if notice.count else None,
    ),
    route("POST", "/v1/login", log_in, request=bytes, media_types=(), limit="login"),
)


def credential(token: str, account: int, *scopes: Permission, **more: Any) -> tuple[bytes, Credential]:
    made = Credential(
        id=account,
        account=account,
        site=None,
        kind=CredentialKind.OWN,
        name="",
        scopes=frozenset(scopes),
        created_at=NOW,
        **more,
    )
    return digest_of(token), made


class Client:
    """Sends requests to a gateway, as from one address with one key."""

    gateway: Gateway
    token: str | None = KEY

    async def ask(
        self,
        method: str,
        path: str,
        body: object = b"",
        *,
        token: str | None = OWN_KEY,
        address: str = "192.0.2.1",
        read: Callable[[], Any] | None = None,
        **headers: str,
    ) -> Handled:
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        given = {"content-type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        shown = self.token if token == OWN_KEY else token
        if shown is not None:
            given["authorization"] = f"Bearer {shown}"
        path, _, query = path.partition("?")

        async def read_body() -> bytes:
            return raw

        return await self.gateway.answer(
            HttpRequest(method, path, query, given, address=address), read or read_body
        )


class World(Client):
    """A gateway with all that it needs, but a database."""

    def __init__(self, routes: tuple[Route, ...] = ROUTES, *, time_limit: float = 60.0) -> None:
        self.service = Service()
        self.credentials = dict(
            (
                credential(KEY, 1, Permission.ADMIN, rate=1000),
                credential(READER, 2, Permission.READ),
            )
        )
        self.lookups = 0
        self.seconds = 0.0
        self.now = NOW
        self.kept: dict[Key, KeptAnswer] = {}
        self.locked: set[Key] = set()
        limiter = Limiter(IN_MEMORY)
        self.gateway = Gateway(
            Table(routes, OWN),
            service=self.service,
            authenticator=Authenticator(self.find, limiter, lambda: self.seconds),
            limiter=limiter,
            repeats=Repeats(self.begin),
            away=(AwayError,),
            now=lambda: self.now,
            time_limit=time_limit,
        )

    async def find(self, digest: bytes) -> Credential | None:
        self.lookups += 1
        return self.credentials.get(digest)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[tuple[Service, "Keys"]]:
        """A transaction in memory: what was made and kept is undone by an error."""
        made, keys = list(self.service.made), Keys(self)
        try:
            yield self.service, keys
        except BaseException:
            self.service.made[:] = made
            raise
        else:
            self.kept.update(keys.new)
        finally:
            self.locked -= keys.locked


class Keys:
    def __init__(self, world: World) -> None:
        self._world = world
        self.new: dict[Key, KeptAnswer] = {}
        self.locked: set[Key] = set()

    async def lock(self, key: Key) -> bool:
        if key in self._world.locked:
            return False
        self._world.locked.add(key)
        self.locked.add(key)
        return True

    async def find(self, key: Key) -> KeptAnswer | None:
        return self._world.kept.get(key)

    async def keep(self, key: Key, kept: KeptAnswer) -> None:
        self.new[key] = kept


def said(handled: Handled) -> Any:
    """What an answer says in JSON."""
    return msgspec.json.decode(handled.answer.body)
