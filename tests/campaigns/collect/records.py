"""Records that the collector reads, for tests, as the worker and the API write them."""

from datetime import UTC, datetime
from typing import Any

import msgspec

AT = datetime(2026, 11, 27, 9, 0, 5, tzinfo=UTC)
LAUNCH = "launch_3_abcdefgh"
SITE = "site_1"


def outcome(number: int | None, status: str = "sent", attempts: int = 1, **fields: Any) -> dict[str, Any]:
    """An outcome; its recipient has the same number, unless there is another."""
    there = {
        "recipient_id": f"sub_{number}",
        "status": status,
        "at": AT,
        "attempts": attempts,
        "http_status": 201,
        "push_service": "fcm",
        "detail": None,
        "number": number,
    }
    return there | fields


def batch(*outcomes: dict[str, Any], launch: str = LAUNCH, job: object = 0, **fields: Any) -> bytes:
    there = {"v": 1, "job_id": f"{launch}.{job}", "campaign_id": launch, "site_id": SITE, "worker": "a/0"}
    return msgspec.json.encode(there | {"outcomes": outcomes} | fields)


def expired(subscriber: int, endpoint: str, site: str = SITE) -> bytes:
    return msgspec.json.encode(
        {
            "v": 1,
            "recipient_id": f"sub_{subscriber}",
            "site_id": site,
            "endpoint": endpoint,
            "http_status": 410,
            "at": AT,
        }
    )


def event(subscriber: int, kind: str = "shown", button: int | None = None, **fields: Any) -> bytes:
    there = {
        "v": 1,
        "site_id": SITE,
        "launch_id": LAUNCH,
        "subscriber_id": f"sub_{subscriber}",
        "kind": kind,
        "button": button,
        "at": AT,
        "received_at": AT,
    }
    return msgspec.json.encode(there | fields)
