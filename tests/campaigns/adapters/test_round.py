"""A campaign of each platform goes round: made and launched by its calls, written, collected, and told again.

The launcher's and the collector's own functions do their parts; Kafka's place takes a list of records.
"""

from datetime import timedelta
from typing import Any
from zoneinfo import available_timezones

import pytest

from campaigns.collect.ends import finish_what_is_over
from campaigns.collect.outcome_batch import apply_outcomes
from campaigns.collect.outcomes import read_outcomes
from campaigns.collect.report_batch import apply_reports
from campaigns.collect.reports import read_reports
from campaigns.launch.blueprints import blueprint_of
from campaigns.launch.chunks import next_chunk
from campaigns.launch.parts import parts_of
from campaigns.model.ids import read_launch
from campaigns.model.secrets import Key
from campaigns.operations.subscribers import Subscribing, subscribe
from campaigns.store.launching import finish_launches, keep_cursor, open_launches
from tests.campaigns.adapters.own.support import SHOP, OwnApi, subscription
from tests.campaigns.adapters.pushary.support import NOTICE, PusharyApi
from tests.campaigns.adapters.pushpilot.support import PushPilotApi
from tests.campaigns.adapters.pushwoosh.support import PushwooshApi
from tests.campaigns.adapters.sendpulse.support import TASK, SendPulseApi
from tests.campaigns.adapters.truepush.support import TruepushApi
from tests.campaigns.api.support import NOW, said
from tests.campaigns.collect.records import batch, event, outcome
from worker.records.job import SendJob, decode_job

RESULTS = ("sent", "sent", "expired")
LATER = NOW + timedelta(minutes=1)


async def subscribe_three(api: OwnApi, site: int) -> None:
    for name in "abc":
        await subscribe(api.service, site, Subscribing(subscription=subscription(name)), NOW)


async def write(api: OwnApi) -> list[SendJob]:
    """Write the only launch, as a launcher does; return its jobs."""
    async with api.database.connection() as connection:
        [opened] = await open_launches(connection)
        parts = parts_of(opened.launch, opened.site_zone, available_timezones())
        key = Key(1, bytes(32))
        blueprint = blueprint_of(
            opened.launch, public_url="https://push.example", token_key=key, own_worker=True
        )
        chunk = await next_chunk(connection, opened, parts, blueprint)
        assert chunk is not None
        launch = read_launch(blueprint.launch_id)
        assert launch is not None
        await keep_cursor(connection, launch, chunk.cursor, 1)
        await finish_launches(connection, [launch.number])
    return [decode_job(record.value).job for record in chunk.records]


async def collect(api: OwnApi, jobs: list[SendJob]) -> None:
    """Count what the worker and browsers say: two are sent and shown; one is clicked, of one a button."""
    [job] = jobs
    told = [
        outcome(number, status, recipient_id=recipient.id)
        for number, (recipient, status) in enumerate(zip(job.recipients, RESULTS, strict=True))
    ]
    first, second = (int(recipient.id.removeprefix("sub_")) for recipient in job.recipients[:2])
    of = {"launch_id": job.campaign_id, "site_id": job.site_id}
    events = [event(first, **of), event(second, **of), event(first, "clicked", **of)]
    events += [event(second, "clicked", 0, **of)]
    async with api.database.transaction() as connection:
        outcomes = read_outcomes([batch(*told, launch=job.campaign_id, site_id=job.site_id)])
        assert await apply_outcomes(connection, 0, outcomes, LATER, LATER) == 0
        assert await apply_reports(connection, 0, read_reports(events)) == 0
    await finish_what_is_over(api.database, LATER)


async def go_round(api: OwnApi) -> None:
    api.now = LATER
    await collect(api, await write(api))


async def own_statistics(api: OwnApi, account: int, campaign: int) -> dict[str, Any]:
    """What the own API tells of the same campaign."""
    _, token = await api.log_in(account=account)
    return said(await api.ask("GET", f"/v1/campaigns/camp_{campaign}/statistics", token=token))


async def test_sendpulse(database):
    api = SendPulseApi(database)
    await api.join()
    site = await api.site()
    await subscribe_three(api, site)
    buttons = [{"text": "Buy", "link": f"{SHOP}/buy"}]
    made = said(await api.ask("POST", "/push/tasks", {**TASK, "website_id": site, "buttons": buttons}))
    path = f"/push/tasks/{made['id']}"
    assert said(await api.ask("GET", path))["status"] == 13
    await go_round(api)
    found = said(await api.ask("GET", path))
    assert (found["status"], found["send"], found["delivered"]) == (3, "3", 2)
    assert found["redirect"] == 2, "a click on a button leads away, too"


@pytest.mark.parametrize("is_sent_at_once", [True, False])
async def test_pushary(database, is_sent_at_once):
    api = PusharyApi(database)
    await api.join()
    await subscribe_three(api, api.site)
    if is_sent_at_once:
        sent = await api.call("POST", "/send", NOTICE)
        assert sent["sent"] == 3
        campaign = sent["campaignId"]
    else:
        campaign = (await api.call("POST", "/campaigns", {"name": "Autumn", **NOTICE}))["id"]
        assert (await api.call("POST", f"/campaigns/{campaign}/send"))["status"] == "sending"
    await go_round(api)
    assert await api.call("GET", f"/campaigns/{campaign}/stats") == {
        "totalSent": 3,
        "totalDelivered": 2,
        "totalClicked": 1,
        "totalFailed": 1,
        "deliveryRate": 66.67,
        "clickRate": 50.0,
    }
    found = await api.call("GET", f"/campaigns/{campaign}")
    totals = [found[f"total{name}"] for name in ("Targeted", "Sent", "Delivered", "Clicked")]
    assert (found["status"], totals) == ("completed", [3, 3, 2, 1])


async def test_truepush(database):
    api = TruepushApi(database)
    await api.onboard()
    await subscribe_three(api, api.site)
    campaign = await api.campaign(buttons=[{"text": "Buy", "link": f"{SHOP}/buy"}])
    names = ("Sent", "Delivered", "Views", "Clicks", "Button0", "Button1", "Unsubscribers")
    nothing = dict.fromkeys(names, 0)
    assert (await api.done("GET", f"campaignStats/{campaign}"))["data"] == {"Reach": 3, **nothing}
    await go_round(api)
    counted = {"Reach": 3, "Sent": 3, "Delivered": 2, "Views": 2, "Clicks": 1, "Button0": 1}
    assert (await api.done("GET", f"campaignStats/{campaign}"))["data"] == {**nothing, **counted}
    await api.failed("cancelCampaign", "PUT", f"cancelCampaign/{campaign}")


async def test_pushpilot(database):
    api = PushPilotApi(database)
    await api.onboard()
    await subscribe_three(api, api.site)
    draft = await api.create()
    assert (await api.act(draft, "launch"))["type"] == "standard"
    await go_round(api)
    assert (await api.see(draft))["type"] == "standard"
    found = await own_statistics(api, api.account, int(draft["id"]))
    assert (found["targeted"], found["attempted"], found["accepted"], found["refused"]) == (3, 3, 2, 1)


async def test_pushwoosh(database):
    api = await PushwooshApi.begun(database)
    await subscribe_three(api, api.site)
    message = {"content": "Hello", "chrome_button_text1": "Buy"}
    [code] = (await api.done("createMessage", application=api.application, notifications=[message]))[
        "Messages"
    ]
    assert (await api.done("getMessageDetails", message=code))["message"]["status"] == "pending"
    await go_round(api)
    assert (await api.done("getMessageDetails", message=code))["message"]["status"] == "done"
    request = (await api.done("getMsgStats", message=code))["request_id"]
    found = await api.done("getResults", request_id=request)
    assert {row["action"]: row["count"] for row in found["rows"]} == {"send": 2, "delivery": 2, "open": 2}
    body = {"message_code": code}
    handled = await api.ask("POST", "/api/v2/statistics/messages/totalsByIntervals", body)
    [row] = said(handled)["metrics"]
    assert (row["sends"], row["opens"], row["deliveries"], row["errors"]) == ("2", "2", "2", "1")
