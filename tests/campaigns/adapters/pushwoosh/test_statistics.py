"""What came of a message, against what has been counted."""

from tests.campaigns.adapters.pushwoosh.test_messages import send
from tests.campaigns.api.support import NOW

COUNTED = """
INSERT INTO launch_count (launch, partition, status, count, attempted)
VALUES ($1, 0, 'sent', 7, 7), ($1, 1, 'sent', 2, 2), ($1, 0, 'expired', 1, 1)
"""
REPORTED = """
INSERT INTO engagement_count (launch, partition, kind, first, total)
VALUES ($1, 0, 'shown', 5, 9), ($1, 0, 'clicked', 3, 4), ($1, 1, 'clicked', 1, 1)
"""


async def results(api, code):
    request_id = (await api.done("getMsgStats", message=code))["request_id"]
    return await api.done("getResults", request_id=request_id)


async def test_nothing_has_come_of_a_message_yet(api):
    message = {"content": "Hello", "send_date": "2026-11-22 10:00"}
    response = await api.done("createMessage", application=api.application, notifications=[message])
    found = await results(api, response["Messages"][0])
    assert found["rows"] == []
    assert found["conversion"] == {"send": 0, "delivery": 0, "open": 0, "events": []}


async def test_what_has_been_counted_is_told(api):
    row = await send(api, content="Hello")
    [launch] = await api.fetch("SELECT id FROM launch WHERE campaign = $1", row["id"])
    await api.fetch(COUNTED, launch["id"])
    await api.fetch(REPORTED, launch["id"])
    request_id = f"message.0000-00000000-{row['id']:08X}"
    found = await api.done("getResults", request_id=request_id)
    at = f"{NOW:%Y-%m-%d %H:%M:%S}"
    assert found["rows"] == [
        {"datetime": at, "action": "send", "count": 9},
        {"datetime": at, "action": "delivery", "count": 5},
        {"datetime": at, "action": "open", "count": 4},
    ]
    assert found["conversion"] == {"send": 9, "delivery": 5, "open": 4, "events": []}
    assert found["formatter"] == "minutely"


async def test_results_that_nobody_asked_for(api):
    assert "request_id" in await api.refused("getResults", request_id="nonsense")
    missing = await api.refused("getResults", request_id="message.0000-00000000-0000FFFF")
    assert missing == "Message not found"
