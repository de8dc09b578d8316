"""The channel between the supervisor and each of its processes: requests, replies, and notice of a death.

A pair of connected sockets, one of which is the process's standard input: there is no file and no port that
anyone else could open, and each side notices at once when the other is gone. A request is one byte. A reply
is its length in four bytes, then its content. Replies come in the order of the requests. Knows nothing of
what the processes do.
"""

import asyncio
import inspect
import os
import signal
import socket
import struct
from collections import deque
from types import TracebackType
from typing import Self

from worker.edges.process.status import Ready, Render

READINESS = b"r"
"""Asks why a process is not ready; the reply is empty if it is."""

METRICS = b"m"
"""Asks for a process's metrics, in Prometheus' text format."""

_LENGTH = struct.Struct(">I")


class NoAnswerError(RuntimeError):
    """A process did not reply in time, or is gone."""


class GoneError(NoAnswerError):
    """A process has closed its end, as the kernel does when one dies."""


class ProcessEnd:
    """The process's end: replies while its `async with` block runs, and ends the process with its supervisor.

    Losing the supervisor counts as a signal from it: the first one drains, a second one forces the exit.
    """

    def __init__(self, end: socket.socket, *, ready: Ready, render: Render) -> None:
        self._end = end
        self._ready = ready
        self._render = render
        self._replying: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        reader, writer = await asyncio.open_unix_connection(sock=self._end)
        self._replying = asyncio.create_task(self._serve(reader, writer))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._replying is not None:
            self._replying.cancel()
            await asyncio.gather(self._replying, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await reader.read(1):
                reply = await self._reply_to(request)
                writer.write(_LENGTH.pack(len(reply)) + reply)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()
        os.kill(os.getpid(), signal.SIGTERM)

    async def _reply_to(self, request: bytes) -> bytes:
        if request == METRICS:
            metrics = self._render()
            return await metrics if inspect.isawaitable(metrics) else metrics
        return (self._ready() or "").encode()


class SupervisorEnd:
    """The supervisor's end."""

    def __init__(self) -> None:
        self._end, self.for_process = socket.socketpair()
        self._pending: deque[asyncio.Future[bytes]] = deque()
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open the channel once the process has its end."""
        self.for_process.close()
        reader, self._writer = await asyncio.open_unix_connection(sock=self._end)
        self._reading = asyncio.create_task(self._read(reader))

    async def close(self) -> None:
        """Close this end."""
        self.for_process.close()
        if self._writer is None:
            self._end.close()
        else:
            self._writer.close()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def ask(self, request: bytes, seconds: float) -> bytes:
        """Send a request, and wait for the reply.

        Raises:
            GoneError: The process has closed its end.
            NoAnswerError: No reply came in time.
        """
        if self._writer is None or self._reading is None or self._reading.done():
            raise GoneError("the process is not running")
        reply = asyncio.get_running_loop().create_future()
        self._pending.append(reply)
        self._writer.write(request)
        try:
            return await asyncio.wait_for(reply, seconds)
        except TimeoutError as error:
            raise NoAnswerError(f"the process did not answer within {seconds:g} s") from error
        except (asyncio.IncompleteReadError, OSError) as error:
            raise GoneError("the process is gone") from error

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
                reply = await reader.readexactly(length)
                pending = self._pending.popleft()
                if not pending.done():  # otherwise it has timed out
                    pending.set_result(reply)
        except (asyncio.IncompleteReadError, OSError) as error:
            for pending in self._pending:
                if not pending.done():
                    pending.set_exception(error)
            self._pending.clear()
