"""Leaving the group for good, which aiokafka never does for a static member (KIP-345).

Decides in which form to ask, and which answers to ask again after. Does not know when a member may leave.
"""

import asyncio
from contextlib import suppress
from typing import Any

from aiokafka.client import CoordinationType
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    IncompatibleBrokerVersion,
    KafkaConnectionError,
    KafkaError,
    NodeNotReadyError,
    NotCoordinatorForGroupError,
    UnknownMemberIdError,
    for_code,
)
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.group import LeaveGroupRequest_v0, LeaveGroupRequest_v1
from aiokafka.protocol.types import Array, Int16, Int32, Schema, String

from worker.edges.kafka.evictions import FENCED_INSTANCE_ID

LEAVE_LIMIT = 3.0
"""Seconds that Kafka has to let a member go."""

CLOSE_SECONDS = 0.5
"""Seconds for aiokafka to stop by itself; while a join is under way it would wait for all other members."""

RETRY_SECONDS = 0.1

_PASSING = (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaConnectionError,
    NodeNotReadyError,
    NotCoordinatorForGroupError,
)


class InstanceFencedError(KafkaError):  # type: ignore[misc]  # aiokafka ships no types
    """Another process has this one's instance id by now."""


class LeaveGroupResponse_v3(Response):  # type: ignore[misc]  # noqa: N801 - named as aiokafka names the others
    """KIP-345: an error for each member."""

    API_KEY = 13
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        (
            "members",
            Array(
                ("member_id", String("utf-8")),
                ("group_instance_id", String("utf-8")),
                ("error_code", Int16),
            ),
        ),
    )


class LeaveGroupRequest_v3(RequestStruct):  # type: ignore[misc]  # noqa: N801 - as above
    """KIP-345: several members at once; a static one can be named by its instance id alone."""

    API_KEY = 13
    API_VERSION = 3
    RESPONSE_TYPE = LeaveGroupResponse_v3
    SCHEMA = Schema(
        ("group", String("utf-8")),
        ("members", Array(("member_id", String("utf-8")), ("group_instance_id", String("utf-8")))),
    )


class LeaveGroup(Request[LeaveGroupRequest_v0 | LeaveGroupRequest_v1 | LeaveGroupRequest_v3]):  # type: ignore[misc]  # as above
    """The newest version that the broker knows; before version 3 the instance id is not part of it.

    Args:
        group: The consumer group.
        member: The member's id, or empty if it has not been told one yet.
        instance: The member's instance id.
    """

    API_KEY = 13

    def __init__(self, group: str, member: str, instance: str) -> None:
        self._group = group
        self._member = member
        self._instance = instance

    def build(self, version: Any) -> Any:
        """Return the request as the broker understands it."""
        if version is LeaveGroupRequest_v3:
            return version(self._group, [(self._member, self._instance)])
        if not self._member:
            raise IncompatibleBrokerVersion("the broker cannot remove a member by its instance id")
        return version(self._group, self._member)


async def leave_group(coordinator: Any) -> None:
    """Take a static member out of its group, even one whose join is not answered yet.

    Args:
        coordinator: aiokafka's coordinator of the group; it is closed.

    Raises:
        KafkaError: The group does not let the member go.
        TimeoutError: Kafka did not answer in time.
    """
    request = LeaveGroup(coordinator.group_id, coordinator.member_id, coordinator._group_instance_id)  # noqa: SLF001 - not public
    # First of all heartbeats have to end: when one finds that it is unknown, aiokafka joins again.
    closing = asyncio.ensure_future(coordinator.close())
    try:
        async with asyncio.timeout(LEAVE_LIMIT):
            await asyncio.wait((closing,), timeout=CLOSE_SECONDS)
            await _ask_until_answered(coordinator._client, coordinator.group_id, request)  # noqa: SLF001 - not public
    finally:
        closing.cancel()
        await asyncio.wait((closing,), timeout=CLOSE_SECONDS)
        if closing.done() and not closing.cancelled():
            closing.exception()  # whatever it was, the member is on its way out


async def _ask_until_answered(client: Any, group: str, request: LeaveGroup) -> None:
    while True:
        with suppress(*_PASSING):
            node = await client.coordinator_lookup(CoordinationType.GROUP, group)
            # Not on the connection of joins: a broker answers in order, and a join there may still wait.
            _check(await client.send(node, request))
            return
        await asyncio.sleep(RETRY_SECONDS)


def _check(answer: Any) -> None:
    codes = {answer.error_code, *(code for *_, code in getattr(answer, "members", ()))}
    # A member that is unknown is no longer in the group, which is what was wanted.
    codes -= {0, UnknownMemberIdError.errno}
    if FENCED_INSTANCE_ID in codes:
        raise InstanceFencedError("another process has this instance id")
    for code in codes:
        raise for_code(code)
