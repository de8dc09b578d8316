"""Noticing that the group has thrown this member out, which aiokafka answers with a silent return.

Two processes with one instance id evict each other without end, and each believes that it owns everything
in between: that must end, and say why. Knows nothing of what is read or committed.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.errors import UnknownMemberIdError

NO_GENERATION = -1
FENCED_INSTANCE_ID = 82
"""Kafka's word to the elder of two members with one instance id; aiokafka knows no name for it."""

MOST, PERIOD = 2, 60.0
"""So many evictions within so many seconds are no accident. A coordinator that moves or forgets makes one."""


class Evictions:
    """Counts, for one member of a group, how often the coordinator did not know it any more.

    Attributes:
        fenced: Whether it has said outright that another process has the instance id.
    """

    def __init__(self) -> None:
        self.fenced = False
        self._unknown = False
        self._at: deque[float] = deque(maxlen=MOST)

    def listen_to(self, coordinator: Any) -> None:
        """Look at what a group coordinator of aiokafka is answered from now on."""
        send: Callable[[Any], Awaitable[Any]] = coordinator._send_req  # noqa: SLF001 - said nowhere else

        async def send_and_look(request: Any) -> Any:
            # A request without a generation is no member's: that it is unknown says nothing.
            as_member = coordinator.generation != NO_GENERATION
            answer = await send(request)
            codes = _codes(answer)
            if as_member and UnknownMemberIdError.errno in codes:
                self._unknown = True
            self.fenced = self.fenced or FENCED_INSTANCE_ID in codes
            return answer

        coordinator._send_req = send_and_look  # noqa: SLF001 - as above

    def are_too_many(self, now: float) -> bool:
        """Count an eviction if there was one since the last time, and judge; `now` is monotonic seconds."""
        if not self._unknown:
            return False
        self._unknown = False
        self._at.append(now)
        return len(self._at) == MOST and now - self._at[0] <= PERIOD


def _codes(answer: Any) -> set[int]:
    """The error codes of a heartbeat's, join's, sync's or commit's answer."""
    if hasattr(answer, "error_code"):
        return {answer.error_code}
    return {code for _, places in getattr(answer, "topics", ()) for _, code, *_ in places}
