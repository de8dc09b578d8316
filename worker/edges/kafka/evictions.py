"""Noticing that the group has evicted this member, after which aiokafka silently rejoins.

Two processes with the same instance id evict each other forever, and each believes in between that it owns
everything. Decides when that must end. Knows nothing of what is read or committed.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.errors import IllegalGenerationError, UnknownMemberIdError
from aiokafka.protocol.commit import OffsetCommitRequest

from worker.edges.kafka.coordination import NO_GENERATION

FENCED_INSTANCE_ID = 82
"""Kafka's error code for the older of two members with the same instance id; aiokafka does not know it."""

MOVED_ON = {UnknownMemberIdError.errno, IllegalGenerationError.errno, FENCED_INSTANCE_ID}

MOST, PERIOD = 2, 60.0
"""That many evictions within that many seconds are no accident; a coordinator that moves causes only one."""


class Evictions:
    """Counts how often the coordinator no longer knew this member of the group.

    Attributes:
        fenced: Whether the coordinator has said outright that another process has the instance id.
    """

    def __init__(self) -> None:
        self.fenced = False
        self._unknown = False
        self._at: deque[float] = deque(maxlen=MOST)

    def listen_to(self, coordinator: Any, on_eviction: Callable[[], None]) -> None:
        """Watch the answers that aiokafka's group coordinator receives from now on.

        Args:
            coordinator: The consumer's.
            on_eviction: Called with each answer that says that the group has moved on without this member.
        """
        send: Callable[[Any], Awaitable[Any]] = coordinator._send_req  # noqa: SLF001 - aiokafka offers no listener

        async def send_and_look(request: Any) -> Any:
            # Without a generation the request is not a member's, and being unknown means nothing.
            as_member = coordinator.generation != NO_GENERATION
            answer = await send(request)
            codes = _codes(request, answer)
            if as_member and UnknownMemberIdError.errno in codes:
                self._unknown = True
            self.fenced = self.fenced or FENCED_INSTANCE_ID in codes
            if as_member and codes & MOVED_ON:
                on_eviction()
            return answer

        coordinator._send_req = send_and_look  # noqa: SLF001 - as above

    def are_too_many(self, now: float) -> bool:
        """Count an eviction if there was one since the last call; return whether there are too many.

        Args:
            now: Monotonic seconds.
        """
        if not self._unknown:
            return False
        self._unknown = False
        self._at.append(now)
        return len(self._at) == MOST and now - self._at[0] <= PERIOD


def _codes(request: Any, answer: Any) -> set[int]:
    """Return the error codes in the answer to a heartbeat, join, sync or commit."""
    if hasattr(answer, "error_code"):
        return {answer.error_code}
    if isinstance(request, OffsetCommitRequest):  # others have an offset where this has its codes
        return {code for _, partitions in answer.topics for _, code in partitions}
    return set()
