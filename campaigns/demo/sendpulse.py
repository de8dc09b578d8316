"""The demo's second campaign, sent as programs for SendPulse send it: only the host is another.

Decides its calls, and whom they mean; knows nothing of our own API, nor of how a call is done.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from campaigns.demo.checks import GREETING, LANGUAGE, SENT
from campaigns.demo.customer import Customer, until_settled

TASK = {
    "title": f"{GREETING} {{{{name}}}}",
    "body": "Bis Sonntag kostet alles die Hälfte.",
    "ttl": 3600,
    "stretch_time": 0,
    "filter_lang": LANGUAGE,
}


@asynccontextmanager
async def sendpulse_program(url: str, credential: str) -> AsyncIterator[Customer]:
    """Log in with an id and a secret, and ask with the token for the time of a block.

    Args:
        url: The service's.
        credential: `client_id:client_secret`.

    Raises:
        AnswerError: The service refuses.
    """
    name, _, secret = credential.partition(":")
    body = {"grant_type": "client_credentials", "client_id": name, "client_secret": secret}
    async with Customer(url) as stranger:
        token = (await stranger.post("/oauth/access_token", body))["access_token"]
    async with Customer(url, token) as program:
        yield program


async def send_task(program: Customer, seconds: float) -> Mapping[str, Any]:
    """Send a campaign to the only website; return its statistics once it is sent, or the time is over.

    Raises:
        AnswerError: The service refuses.
    """
    [website] = await program.get("/push/websites")
    made = await program.post("/push/tasks", {**TASK, "website_id": website["id"]})
    path = f"/push/tasks/{made['id']}"
    told: Mapping[str, Any] = await until_settled(
        lambda: program.get(path), lambda found: found["status"] == SENT, seconds
    )
    return told
