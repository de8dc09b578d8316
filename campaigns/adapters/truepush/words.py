"""What each call of Truepush says when it has done its work, and when it could not.

The second is documented as the body of a 204, which HTTP has none for: it goes out with the status 200 and
`status_code` 204, or, where the site's default `empty_204` says so, as an empty 204.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from campaigns.adapters.messages import JSON, HttpAnswer
from campaigns.adapters.routes import Call, Handler
from campaigns.adapters.truepush.adapter import envelope
from campaigns.model.problems import ConflictError, NotFoundError
from campaigns.operations.sites import defaults_of, one_site

NO_CONTENT = 204


class Words(NamedTuple):
    """What a call says.

    Attributes:
        done_message: For people, when it is done; what was made follows.
        done: Its word, when it is done and there is nothing else to tell.
        failed_message: For people, when it could not be done.
        failed: Its word for that.
        is_capital: Whether the document has `Data`, too, when it is done.
    """

    done_message: str
    done: str
    failed_message: str
    failed: str
    is_capital: bool = False


class Done(NamedTuple):
    """What a call has done.

    Attributes:
        data: What is told; None for the word.
        made: The id of what was made.
    """

    data: object = None
    made: str = ""


def answering(words: Words, handle: Callable[[Any], Awaitable[Done]]) -> Handler:
    """Make the handler of a call that says these words."""

    async def answer(call: Call[Any, Any]) -> object:
        try:
            done = await handle(call)
        except (NotFoundError, ConflictError):
            return await _failed(call, words)
        data = words.done if done.data is None else done.data
        said = envelope(200, "SUCCESS", words.done_message + done.made, data)
        return {**said, "Data": data} if words.is_capital else said

    return answer


async def _failed(call: Call[Any, Any], words: Words) -> HttpAnswer:
    site = await one_site(call.caller, call.service)
    if (await defaults_of(call.caller, call.service, site)).empty_204:
        return HttpAnswer(NO_CONTENT)
    body = msgspec.json.encode(envelope(NO_CONTENT, "ERROR", words.failed_message, words.failed))
    return HttpAnswer(200, body, JSON)


# ── the words, in the order of the document ─────────────────────────────────────────────────────────────────

CREATE_CAMPAIGN = Words(
    "Campaign Created Successfully with id:",
    "CAMPAIGN-CREATED-SUCCESSFULLY",
    "Campaign Creating failed",
    "CAMPAIGN-CREATING-FAILED",
    is_capital=True,
)
CANCEL_CAMPAIGN = Words(
    "Campaign Cancelled Successfully",
    "CAMPAIGN-CANCELLED-SUCCESFULLY",  # one S, as there
    "Can't Cancel Because Already Sent or Cancelled",
    "ALREADY-SENT-OR-CANCELLED",
    is_capital=True,
)
CAMPAIGN_STATS = Words("Stats Fetched Successfully", "", "No Stats Found", "NO-STATS-FOUND")
LIST_SEGMENT = Words("Successfully fetched Segment data.", "", "Segments Not Found", "SEGMENTS-NOT-FOUND")
DELETE_SEGMENT = Words(
    "Segment Deleted Successfully",
    "SEGMENT-DELETED-SUCCESSFULLY",
    "No Segment Found to Delete",
    "NO-SEGMENT-FOUND-TO-DELETE",
)
CREATE_TEMPLATE = Words(
    "Template Created Successfully with id:",
    "TEMPLATE-CREATED-SUCCESSFULLY",
    "Template Creating failed",
    "TEMPLATE-CREATING-FAILED",
    is_capital=True,
)
DELETE_TEMPLATE = Words(
    "Template Deleted Successfully",
    "TEMPLATE-DELETED-SUCCESSFULLY",
    "No Template Found to Delete",
    "NO-TEMPLATE-FOUND-TO-DELETE",
)
LIST_TEMPLATE = Words("Successfully fetched template data.", "", "No Templates Found", "TEMPLATES-NOT-FOUND")
CREATE_TRIGGER = Words(
    "Trigger Added successfully with id:",
    "TRIGGER-ADDED-SUCCESSFULLY",
    "Trigger adding failed",
    "TRIGGER-ADDING-FAILED",
)
DELETE_TRIGGER = Words(
    "Trigger Deleted Successfully",
    "TRIGGER-DELETED-SUCCESSFULLY",
    "No Trigger Found to Delete",
    "NO-TRIGGER-FOUND-TO-DELETE",
)
LIST_TRIGGER = Words("Successfully fetched Trigger data.", "", "Triggers Not Found", "TRIGGERS-NOT-FOUND")
TRIGGER_STATUS = Words(
    "Trigger Updated Successfully",
    "TRIGGER-UPDATED-SUCCESSFULLY",
    "No Trigger Found to Update or already in given status",
    "NO-TRIGGER-FOUND-TO-UPDATE-OR-ALREADY-IN-GIVEN-STATUS",
)
LIST_CAMPAIGN = Words(
    "Successfully fetched Campaigns data.", "", "Campaigns Not Found", "CAMPAIGNS-NOT-FOUND"
)
