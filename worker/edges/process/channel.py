"""The connection between the supervisor and each of its processes: questions, answers, and each other's end.

A pair of connected sockets, one end of which is the process's standard input: no file, no port, nothing that
anybody else could open, and both sides notice at once when the other one is gone. A question is one byte; an
answer its length in four bytes, and itself. Answers come in the order of the questions.
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
"""Asks why a process is not ready; the answer is empty where it is."""

METRICS = b"m"
"""Asks for its metrics, in Prometheus' text format."""

_LENGTH = struct.Struct(">I")


class NoAnswerError(RuntimeError):
    """A process did not answer in time, or is gone."""


class GoneError(NoAnswerError):
    """A process has let go of its end, as the kernel does when one dies."""


class ProcessEnd:
    """The process's end: answers while its `async with` block runs, and ends the process with the other.

    A supervisor's end counts as the signal that it would have sent: the first drains, a second forces.
    """

    def __init__(self, end: socket.socket, *, ready: Ready, render: Render) -> None:
        self._end = end
        self._ready = ready
        self._render = render
        self._answering: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        reader, writer = await asyncio.open_unix_connection(sock=self._end)
        self._answering = asyncio.create_task(self._answer(reader, writer))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._answering is not None:
            self._answering.cancel()
            await asyncio.gather(self._answering, return_exceptions=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while question := await reader.read(1):
                answer = await self._answer_to(question)
                writer.write(_LENGTH.pack(len(answer)) + answer)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()
        os.kill(os.getpid(), signal.SIGTERM)

    async def _answer_to(self, question: bytes) -> bytes:
        if question == METRICS:
            metrics = self._render()
            return await metrics if inspect.isawaitable(metrics) else metrics
        return (self._ready() or "").encode()


class SupervisorEnd:
    """The supervisor's end."""

    def __init__(self) -> None:
        self._end, self.for_process = socket.socketpair()
        self._asked: deque[asyncio.Future[bytes]] = deque()
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin, once the process has its end."""
        self.for_process.close()
        reader, self._writer = await asyncio.open_unix_connection(sock=self._end)
        self._reading = asyncio.create_task(self._read(reader))

    async def close(self) -> None:
        """Let go."""
        self.for_process.close()
        if self._writer is None:
            self._end.close()
        else:
            self._writer.close()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def ask(self, question: bytes, seconds: float) -> bytes:
        """Ask, and wait for the answer.

        Raises:
            GoneError: The process has let go.
            NoAnswerError: There is none in time.
        """
        if self._writer is None or self._reading is None or self._reading.done():
            raise GoneError("the process is not there")
        answer = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        self._writer.write(question)
        try:
            return await asyncio.wait_for(answer, seconds)
        except TimeoutError as error:
            raise NoAnswerError(f"the process did not answer within {seconds:g} s") from error
        except (asyncio.IncompleteReadError, OSError) as error:
            raise GoneError("the process is gone") from error

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
                answer = await reader.readexactly(length)
                asked = self._asked.popleft()
                if not asked.done():  # else it was waited for in vain
                    asked.set_result(answer)
        except (asyncio.IncompleteReadError, OSError) as error:
            for asked in self._asked:
                if not asked.done():
                    asked.set_exception(error)
            self._asked.clear()
