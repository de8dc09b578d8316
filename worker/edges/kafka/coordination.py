"""Staying in touch with the group's coordinator while brokers hang, where aiokafka would wait too long.

Decides which broker is asked where the coordinator is, and how long an answer may take. Knows nothing of what
is read or committed. Written against aiokafka 0.14; comments name the behaviour that the code relies on.
"""

import asyncio
import random
from math import inf
from typing import Any

from aiokafka.client import ConnectionGroup
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    IllegalGenerationError,
    KafkaError,
    NoError,
    RequestTimedOutError,
    for_code,
)
from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.group import JoinGroupRequest, SyncGroupRequest

from worker.config import REBALANCE_TIMEOUT
from worker.edges import clock

NO_GENERATION = -1

JOIN_LIMIT = REBALANCE_TIMEOUT + 10
"""Seconds for the answer to a join, which comes once every member has let go."""

COORDINATOR_LIMIT = 6.0
"""Seconds for any other answer of the coordinator: more than it waits for its replicas before it refuses a
commit (`offsets.commit.timeout.ms`, 5 s). Less than a session, so that the next one is found in time."""

LOOKUP_LIMIT = 2.0
"""Seconds for a broker to say where the coordinator is, connecting included."""

LONGEST_LIMIT = 15.0
"""Limits are doubled up to this many seconds while nobody answers: slow is not the same as hanging."""


class Attendance:
    """Makes a consumer's aiokafka client find the coordinator, and notice that it hangs, within a session.

    It replaces two methods of the client, which keeps it alive.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._send = client.send
        self._silent_at: dict[int, float] = {}
        self._lookup_limit, self._coordinator_limit = LOOKUP_LIMIT, COORDINATOR_LIMIT
        client.send = self._send_within_limit
        client.coordinator_lookup = self._look_up

    async def _send_within_limit(
        self, node: int, request: Any, *, group: int = ConnectionGroup.DEFAULT
    ) -> Any:
        """Send a request; the coordinator's answers have a limit for each kind, aiokafka has one for all."""
        if group != ConnectionGroup.COORDINATION or not await self._client.ready(node, group=group):
            return await self._send(node, request, group=group)
        joins = isinstance(request, JoinGroupRequest | SyncGroupRequest)
        # Read when the request is written, which is before anything else can happen.
        connection = self._client._conns[node, group]  # noqa: SLF001 - aiokafka has one time-out for all
        connection._request_timeout = JOIN_LIMIT if joins else self._coordinator_limit  # noqa: SLF001 - as above
        try:
            answer = await self._send(node, request, group=group)
        except RequestTimedOutError:
            self._coordinator_limit = _longer(self._coordinator_limit)
            raise
        self._coordinator_limit = COORDINATOR_LIMIT
        return answer

    async def _look_up(self, kind: int, key: str) -> int:
        """Ask one broker after another; those that were silent last time come last.

        aiokafka asks one at random, as patiently as a join: while two of three hang, sessions would run out.

        Raises:
            KafkaError: None knows. aiokafka asks again.
        """
        brokers = [broker.nodeId for broker in self._client.cluster.brokers()]
        random.shuffle(brokers)  # not every worker the same one
        for node in sorted(brokers, key=lambda node: self._silent_at.get(node, -inf)):
            try:
                async with asyncio.timeout(self._lookup_limit):
                    answer = await self._client.send(node, FindCoordinatorRequest(key, kind))
            except (KafkaError, TimeoutError):
                self._silent_at[node] = clock.monotonic()
                continue
            self._silent_at.pop(node, None)
            self._lookup_limit = LOOKUP_LIMIT
            error = for_code(answer.error_code)
            if error is not NoError:
                raise error
            return int(answer.coordinator_id)
        self._lookup_limit = _longer(self._lookup_limit)
        raise GroupCoordinatorNotAvailableError("no broker answers")


def _longer(limit: float) -> float:
    return min(limit * 2, LONGEST_LIMIT)


def refuse_outsiders_commits(coordinator: Any) -> None:
    """Make aiokafka fail instead of sending a commit that has lost its generation.

    It repeats a commit without end, and would send it as an outsider's once the group has evicted this
    member. An empty group accepts that.
    """
    send = coordinator._send_req  # noqa: SLF001 - aiokafka offers no hook

    async def send_as_member(request: Any) -> Any:
        if isinstance(request, OffsetCommitRequest) and coordinator.generation == NO_GENERATION:
            raise IllegalGenerationError
        return await send(request)

    coordinator._send_req = send_as_member  # noqa: SLF001 - as above
