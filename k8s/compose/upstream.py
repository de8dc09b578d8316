# noqa: INP001 - a script, not a module of a package
"""An upstream for compose.yaml: a campaign to the simulated subscriptions every minute, stretched over it.

It uses only what the image contains. It is also the shortest answer to "how do I write a job?".
"""

import asyncio
import json
import os
import time
import uuid
from pathlib import Path

from aiokafka import AIOKafkaProducer

SUBSCRIPTIONS = Path("/var/lib/pushmill/simulate/subscriptions.jsonl")
TOPIC = os.environ.get("PUSHMILL_TOPIC_PREFIX", "push.") + "jobs"
A_RECORD = 100
SECONDS = 60


def jobs(campaign: str) -> list[dict[str, object]]:
    """One campaign: jobs of 100 recipients, each with its slice of the whole."""
    subscriptions = [json.loads(line) for line in SUBSCRIPTIONS.read_text().splitlines()]
    return [
        {
            "v": 1,
            "job_id": f"{campaign}-{first}",
            "campaign_id": campaign,
            "site_id": "shop",
            "notification": {
                "title": "Hello {{name|there}}",
                "url": "https://shop.example/?c={{campaign_id}}",
            },
            "ttl": 3600,
            "stretch_time": SECONDS,
            "slice": {"first": first, "total": len(subscriptions)},
            "recipients": [
                {"id": f"sub_{first + place}", "subscription": subscription}
                for place, subscription in enumerate(subscriptions[first : first + A_RECORD])
            ],
        }
        for first in range(0, len(subscriptions), A_RECORD)
    ]


async def main() -> None:
    """Write a campaign every minute until stopped."""
    producer = AIOKafkaProducer(
        bootstrap_servers=os.environ["PUSHMILL_KAFKA_BOOTSTRAP_SERVERS"], enable_idempotence=True
    )
    await producer.start()
    try:
        while True:
            campaign = f"camp-{time.strftime('%H%M%S')}-{uuid.uuid4().hex[:4]}"
            for job in jobs(campaign):
                await producer.send_and_wait(TOPIC, json.dumps(job).encode(), key=str(job["job_id"]).encode())
            print(f"wrote {campaign}", flush=True)  # noqa: T201 - what `docker compose logs upstream` shows
            await asyncio.sleep(SECONDS)
    finally:
        await producer.stop()


if __name__ == "__main__":
    asyncio.run(main())
