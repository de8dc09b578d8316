"""Pushary's flows, of which there are none here: their list is empty, and none can be made."""

from typing import Any, NoReturn

from campaigns.adapters.pushary.wire import ListAnswer, ListQuery
from campaigns.adapters.routes import Call
from campaigns.model.problems import ForbiddenError, NotFoundError


class FlowsQuery(ListQuery, frozen=True, kw_only=True):
    """Which flows.

    Attributes:
        status: Only those in this one.
    """

    status: str | None = None


async def list_all(call: Call[FlowsQuery, None]) -> ListAnswer[Any]:
    """List flows."""
    _ = call.query.most
    return ListAnswer(data=[], has_more=False, next_cursor=None)


async def create(_call: Call[Any, None]) -> NoReturn:
    """Refuse to make a flow.

    Raises:
        ForbiddenError: Always.
    """
    raise ForbiddenError("Flows are not available here; send campaigns, or notifications from your own code.")


async def missing(_call: Call[Any, None]) -> NoReturn:
    """Say that there is no such flow.

    Raises:
        NotFoundError: Always.
    """
    raise NotFoundError("flow")
