"""A proxy in front of the embedded broker that coordinates groups as Apache Kafka does; it forwards the rest.

    async with EmbeddedBroker() as broker, KafkaProxy(broker.address) as kafka:
        ...                                          # clients use kafka.address

The embedded broker ends a generation at each join, never ends a session, and answers empty fetches at once.
Here members hand over first (see `group`), and such fetches wait. Offsets are stored in the broker, without a
member, once the group allows the commit. The methods under "faults" make things go wrong. A client that logs
in (SASL, any password) has a name, under which a `Witness` learns what it writes and how its commits end.

Supports the protocol versions that aiokafka 0.14 uses, and says so; acks other than 0.
"""

import asyncio
import struct
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any, Protocol, Self

from aiokafka.protocol.admin import ApiVersionResponse_v0, SaslAuthenticateRequest_v1
from aiokafka.protocol.api import RequestHeader_v1, Response
from aiokafka.protocol.commit import (
    OffsetCommitRequest_v3,
    OffsetCommitResponse_v3,
    OffsetFetchRequest_v3,
    OffsetFetchResponse_v3,
)
from aiokafka.protocol.coordination import FindCoordinatorRequest_v1, FindCoordinatorResponse_v1
from aiokafka.protocol.fetch import FetchRequest_v11, FetchResponse_v11
from aiokafka.protocol.group import (
    HeartbeatRequest_v1,
    HeartbeatResponse_v1,
    JoinGroupRequest_v5,
    JoinGroupResponse_v5,
    LeaveGroupRequest_v1,
    LeaveGroupResponse_v1,
    SyncGroupRequest_v3,
    SyncGroupResponse_v3,
)
from aiokafka.protocol.metadata import MetadataRequest_v5, MetadataResponse_v5
from aiokafka.protocol.produce import ProduceRequest_v7
from aiokafka.record.memory_records import MemoryRecords

from tests.harness.kafka.group import Error, Group, Join, Joined, Replies, Sync, Synced
from worker.edges.kafka.leaving import LeaveGroupRequest_v3, LeaveGroupResponse_v3

TICK_SECONDS = 0.05
API_VERSIONS = 18
"""Key of the request whose version does not matter here: it is not parsed."""

VERSIONS = {
    request.API_KEY: (request.API_VERSION, request.API_VERSION)
    for request in (
        ProduceRequest_v7,
        FetchRequest_v11,
        MetadataRequest_v5,
        FindCoordinatorRequest_v1,
        JoinGroupRequest_v5,
        SyncGroupRequest_v3,
        HeartbeatRequest_v1,
        OffsetCommitRequest_v3,
        OffsetFetchRequest_v3,
        SaslAuthenticateRequest_v1,
    )
} | {LeaveGroupRequest_v1.API_KEY: (LeaveGroupRequest_v1.API_VERSION, LeaveGroupRequest_v3.API_VERSION)}
"""First and last version of the requests that are parsed: aiokafka 0.14's newest, and the worker's own."""

GROUP = 0
_SIZE, _HEADER = struct.Struct(">i"), struct.Struct(">hhi")


@dataclass(slots=True)
class Call:
    """One request, and the connection on which it can be forwarded, as it is or changed."""

    frame: bytes
    upstream: "Upstream"

    @property
    def api(self) -> int:
        return _HEADER.unpack_from(self.frame)[0]

    @property
    def version(self) -> int:
        return _HEADER.unpack_from(self.frame)[1]

    @property
    def correlation(self) -> bytes:
        return self.frame[4:8]

    def parse(self, request: Any) -> Any:
        body = BytesIO(self.frame)
        RequestHeader_v1.SCHEMA.decode(body)
        return request.decode(body)

    def with_body(self, request: Any) -> bytes:
        body = BytesIO(self.frame)
        RequestHeader_v1.SCHEMA.decode(body)
        return self.frame[: body.tell()] + request.encode()

    async def pass_on(self) -> bytes:
        return await self.upstream.ask(self.frame)


class Upstream:
    """A client's connection to the broker; `user` is its login."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.user = ""
        self._reader = reader
        self._writer = writer

    async def ask(self, frame: bytes) -> bytes:
        self._writer.write(_SIZE.pack(len(frame)) + frame)
        return await _read(self._reader)


Answer = Callable[[Call], Awaitable[bytes | Response]]


class Witness(Protocol):
    """Notified of what logged-in clients do, in order."""

    def writes(self, user: str, topic: str, values: Iterator[bytes | None]) -> None:
        """Records are on their way to the broker; a client that sends them again is reported again."""

    def commits(self, user: str, error: Error | None) -> None:
        """A commit was stored or refused; None if it is never answered."""


class KafkaProxy:
    """Listens on a free loopback port while it is entered; `initial_delay` as in `Group`."""

    def __init__(self, broker: str, *, initial_delay: float = 0.0) -> None:
        host, _, port = broker.rpartition(":")
        self._broker = (host, int(port))
        self.witness: Witness | None = None
        self._groups: dict[str, Group] = defaultdict(partial(Group, initial_delay))
        self._server: asyncio.Server | None = None
        self._port = 0
        self._serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._ticking: asyncio.Task[None] | None = None
        self._produced = asyncio.Event()
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._has_moved = False
        self._commit_faults: deque[Error | None] = deque()
        self._fetch_faults: deque[Error] = deque()
        self._answers: dict[int, Answer] = {
            API_VERSIONS: self._api_versions,
            SaslAuthenticateRequest_v1.API_KEY: self._authenticate,
            ProduceRequest_v7.API_KEY: self._produce,
            FetchRequest_v11.API_KEY: self._fetch,
            MetadataRequest_v5.API_KEY: self._metadata,
            FindCoordinatorRequest_v1.API_KEY: self._find_coordinator,
            JoinGroupRequest_v5.API_KEY: self._join,
            SyncGroupRequest_v3.API_KEY: self._sync,
            HeartbeatRequest_v1.API_KEY: self._heartbeat,
            LeaveGroupRequest_v1.API_KEY: self._leave,
            OffsetCommitRequest_v3.API_KEY: self._commit,
            OffsetFetchRequest_v3.API_KEY: self._committed,
        }

    # ── life ────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def address(self) -> str:
        """The bootstrap server for clients."""
        return f"127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        await self._listen()
        self._ticking = asyncio.create_task(self._tick())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._ticking
        self._ticking.cancel()
        await self._hang_up()
        await asyncio.gather(self._ticking, return_exceptions=True)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _hang_up(self) -> None:
        assert self._server
        self._server.close()
        await self.cut()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            if self._thawed.is_set() and not self._has_moved:
                for group in self._groups.values():
                    _deliver(group.pass_time(time.monotonic()))

    # ── faults ──────────────────────────────────────────────────────────────────────────────────────────

    async def cut(self) -> None:
        """Break every connection; keep listening."""
        tasks = [*self._serving]
        for task, writer in self._serving.items():
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @asynccontextmanager
    async def down(self) -> AsyncIterator[None]:
        """Refuse connections, as during a restart of the broker; keep the group."""
        await self._hang_up()
        try:
            yield
        finally:
            await self._listen()
            self._load()

    @asynccontextmanager
    async def frozen(self) -> AsyncIterator[None]:
        """Answer nothing until the block ends; then answer everything."""
        self._thawed.clear()
        try:
            yield
        finally:
            self._load()
            self._thawed.set()

    @asynccontextmanager
    async def moving(self) -> AsyncIterator[None]:
        """Be no coordinator and know none: another broker is about to load the groups."""
        self._has_moved = True
        try:
            yield
        finally:
            self._load()
            self._has_moved = False

    def fail_commits(self, *errors: Error | None) -> None:
        """Answer the next commits with these errors, one each; None stores nothing and never answers."""
        self._commit_faults.extend(errors)

    def fail_offset_fetches(self, *errors: Error) -> None:
        """Answer the next offset fetches with these errors, one each."""
        self._fetch_faults.extend(errors)

    def members(self, group: str) -> list[str | None]:
        """Return the instance ids of a group's members, of those too whose join waits for others."""
        return [member.asked.instance for member in self._groups[group].members.values()]

    def _load(self) -> None:
        for group in self._groups.values():
            group.load(time.monotonic())

    # ── connections ─────────────────────────────────────────────────────────────────────────────────────

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._serving[task] = writer
        try:
            # One request at a time, like a broker: nothing else is read from a client while it joins.
            async with self._connected() as upstream:
                while True:
                    frame = await _read(reader)
                    await self._thawed.wait()
                    answer = await self._answer(Call(frame, upstream))
                    await self._thawed.wait()
                    writer.write(_SIZE.pack(len(answer)) + answer)
                    await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            del self._serving[task]
            writer.transport.abort()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Upstream]:
        reader, writer = await asyncio.open_connection(*self._broker, limit=1 << 20)
        try:
            yield Upstream(reader, writer)
        finally:
            writer.transport.abort()

    async def _answer(self, call: Call) -> bytes:
        answered = await self._answers.get(call.api, _pass_on)(call)
        return answered if isinstance(answered, bytes) else call.correlation + answered.encode()

    # ── requests to a broker ────────────────────────────────────────────────────────────────────────────

    async def _api_versions(self, call: Call) -> bytes:
        """Offer only those versions of a request that are parsed here."""
        answer = await call.pass_on()
        body = ApiVersionResponse_v0.decode(answer[4:])
        body.api_versions = [
            (api, *VERSIONS.get(api, (first, last))) for api, first, last in body.api_versions
        ]
        return answer[:4] + body.encode()

    async def _authenticate(self, call: Call) -> bytes:
        """Note the user name in SASL PLAIN's message (RFC 4616)."""
        _, user, _ = call.parse(SaslAuthenticateRequest_v1).sasl_auth_bytes.split(b"\0")
        call.upstream.user = user.decode()
        return await call.pass_on()

    async def _produce(self, call: Call) -> bytes:
        if self.witness and call.upstream.user:
            for topic, partitions in call.parse(ProduceRequest_v7).topics:
                for _, batches in partitions:
                    self.witness.writes(call.upstream.user, topic, _values(batches))
        answer = await call.pass_on()
        self._produced.set()
        self._produced = asyncio.Event()
        return answer

    async def _fetch(self, call: Call) -> bytes:
        """Hold back an empty answer until a record arrives or the client's wait is over."""
        patience = call.parse(FetchRequest_v11).max_wait_time / 1000
        until = time.monotonic() + patience
        while True:
            produced = self._produced
            answer = await call.pass_on()
            left = until - time.monotonic()
            if left <= 0 or not _is_empty(answer):
                return answer
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await produced.wait()

    async def _metadata(self, call: Call) -> bytes:
        answer = await call.pass_on()
        body = MetadataResponse_v5.decode(answer[4:])
        body.brokers = [(node, "127.0.0.1", self._port, rack) for node, _, _, rack in body.brokers]
        return answer[:4] + body.encode()

    async def _find_coordinator(self, call: Call) -> bytes:
        answer = await call.pass_on()
        body = FindCoordinatorResponse_v1.decode(answer[4:])
        body.host, body.port = "127.0.0.1", self._port
        if self._has_moved and call.parse(FindCoordinatorRequest_v1).coordinator_type == GROUP:
            body.error_code = Error.COORDINATOR_NOT_AVAILABLE
        return answer[:4] + body.encode()

    # ── requests to a group's coordinator ──────────────────────────────────────────────────────────────

    async def _join(self, call: Call) -> Response:
        request = call.parse(JoinGroupRequest_v5)
        asked = Join(
            request.member_id,
            request.group_instance_id,
            dict(request.group_protocols),
            request.session_timeout / 1000,
            request.rebalance_timeout / 1000,
        )
        ticket: asyncio.Future[Joined] = asyncio.get_running_loop().create_future()
        if self._has_moved:
            ticket.set_result(Joined(Error.NOT_COORDINATOR))
        else:
            _deliver(self._groups[request.group].join(ticket, asked, time.monotonic()))
        it = await ticket
        members = list(it.members)
        return JoinGroupResponse_v5(0, it.error, it.generation, it.protocol, it.leader, it.member, members)

    async def _sync(self, call: Call) -> Response:
        request = call.parse(SyncGroupRequest_v3)
        asked = Sync(
            request.member_id,
            request.group_instance_id,
            request.generation_id,
            dict(request.group_assignment),
        )
        ticket: asyncio.Future[Synced] = asyncio.get_running_loop().create_future()
        if self._has_moved:
            ticket.set_result(Synced(Error.NOT_COORDINATOR))
        else:
            _deliver(self._groups[request.group].sync(ticket, asked, time.monotonic()))
        it = await ticket
        return SyncGroupResponse_v3(0, it.error, it.assignment)

    async def _heartbeat(self, call: Call) -> Response:
        request = call.parse(HeartbeatRequest_v1)
        if self._has_moved:
            return HeartbeatResponse_v1(0, Error.NOT_COORDINATOR)
        member = (request.member_id, request.generation_id)
        return HeartbeatResponse_v1(0, self._groups[request.group].heartbeat(*member, time.monotonic()))

    async def _leave(self, call: Call) -> Response:
        if call.version == LeaveGroupRequest_v3.API_VERSION:
            return self._leave_v3(call.parse(LeaveGroupRequest_v3))
        request = call.parse(LeaveGroupRequest_v1)
        return LeaveGroupResponse_v1(0, self._left(request.group, request.member_id))

    def _leave_v3(self, request: Any) -> Response:
        if self._has_moved:
            return LeaveGroupResponse_v3(0, Error.NOT_COORDINATOR, [])
        members = [
            (member, instance, self._left(request.group, member, instance))
            for member, instance in request.members
        ]
        return LeaveGroupResponse_v3(0, Error.NONE, members)

    def _left(self, group: str, member: str, instance: str | None = None) -> Error:
        if self._has_moved:
            return Error.NOT_COORDINATOR
        error, replies = self._groups[group].leave(member, time.monotonic(), instance)
        _deliver(replies)
        return error

    async def _commit(self, call: Call) -> bytes | Response:
        request = call.parse(OffsetCommitRequest_v3)
        error = self._commit_error(request)
        if error is None:
            self._notify_witness(call, error)
            await asyncio.Event().wait()
        answer: bytes | Response
        if error is Error.NONE:
            outsiders = OffsetCommitRequest_v3(request.consumer_group, -1, "", -1, request.topics)
            answer = await call.upstream.ask(call.with_body(outsiders))
        else:
            refused = [(topic, [(number, error) for number, *_ in all_]) for topic, all_ in request.topics]
            answer = OffsetCommitResponse_v3(0, refused)
        self._notify_witness(call, error)
        return answer

    def _notify_witness(self, call: Call, error: Error | None) -> None:
        if self.witness and call.upstream.user:
            self.witness.commits(call.upstream.user, error)

    def _commit_error(self, request: Any) -> Error | None:
        if self._has_moved:
            return Error.NOT_COORDINATOR
        fault = self._commit_faults.popleft() if self._commit_faults else Error.NONE
        if fault is not Error.NONE:
            return fault
        member = (request.consumer_id, request.consumer_group_generation_id)
        return self._groups[request.consumer_group].may_commit(*member, time.monotonic())

    async def _committed(self, call: Call) -> bytes | Response:
        error = Error.NOT_COORDINATOR if self._has_moved else Error.NONE
        if not error and self._fetch_faults:
            error = self._fetch_faults.popleft()
        # Since version 2 (KIP-88) the error is at the top level only: no partition is named.
        return OffsetFetchResponse_v3(0, [], error) if error else await call.pass_on()


async def _pass_on(call: Call) -> bytes:
    return await call.pass_on()


async def _read(reader: asyncio.StreamReader) -> bytes:
    (size,) = _SIZE.unpack(await reader.readexactly(_SIZE.size))
    return await reader.readexactly(size)


def _deliver(replies: Replies) -> None:
    for ticket, answer in replies:
        assert isinstance(ticket, asyncio.Future)
        if not ticket.done():  # else the client has hung up
            ticket.set_result(answer)


def _values(batches: bytes) -> Iterator[bytes | None]:
    records = MemoryRecords(batches)
    while batch := records.next_batch():
        yield from (record.value for record in batch)


def _is_empty(answer: bytes) -> bool:
    body = FetchResponse_v11.decode(answer[4:])
    return body.error_code == 0 and not any(
        error or records for _, partitions in body.topics for _, error, *_, records in partitions
    )
