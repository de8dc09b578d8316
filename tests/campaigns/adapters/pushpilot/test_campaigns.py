from datetime import timedelta

import pytest

from campaigns.model.target import target_tree
from campaigns.operations.campaigns import get_campaign, pause_campaign
from campaigns.operations.launching import launch_due_campaign
from tests.campaigns.adapters.own.support import SHOP, subscription
from tests.campaigns.adapters.pushpilot.support import CAMPAIGNS, SHOWN, PushPilotApi
from tests.campaigns.api.support import NOW

LATER = NOW + timedelta(hours=1)
SOON = "2026-11-21T10:00:00.000Z"
DAILY = "0 10 * * *"
LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101"


async def kept(api, campaign):
    return (await get_campaign(api.scope, api.service, int(campaign["id"]))).campaign


async def test_websites_are_listed(api: PushPilotApi):
    first = api.site
    await api.add_site(url="https://news.example:8443/de", name="News")
    said = await api.tell("GET", "/pushpilot/websites")
    assert (said["success"], said["message"]) == (True, "Websites for the team")
    one, other = said["data"]["websites"]
    assert (one["id"], one["domain"]) == (str(first), "shop.example")
    assert len(other.pop("vapidPublicKey")) == 87
    assert other == {
        "id": str(api.site),
        "name": "News",
        "description": "",
        "domain": "news.example:8443",
        "isActive": True,
        "teamId": str(api.account),
    }


async def test_a_campaign_is_made_as_a_draft_and_told_as_it_came(api: PushPilotApi):
    options = {
        "queryParams": {"utm_source": "push"},
        "filters": {"countries": ["de"], "browsers": ["Chrome"]},
    }
    given = {
        "description": "Optional description",
        "notification": {**SHOWN, "sound": "bell"},
        "frequency": DAILY,
        "startAt": "2026-11-21T00:00:00.000Z",
        "endsAt": "2027-02-15T09:00:00.000Z",
        "options": options,
    }
    said = await api.tell("POST", CAMPAIGNS, api.body(**given), status=201)
    assert (said["success"], said["message"]) == (True, "Campaign created successfully")
    made = said["data"]["campaign"]
    times = made.pop("createdAt"), made.pop("updatedAt")
    assert all(each.endswith("Z") and len(each) == 24 for each in times)
    assert made.pop("id").isdecimal()
    assert made == {
        **given,
        "name": "Autumn",
        "websiteId": str(api.site),
        "type": "draft",
        "status": "draft",
    }


async def test_what_is_told_is_what_is_done(api: PushPilotApi):
    buttons = [{"title": "Go", "url": f"{SHOP}/go#top"}, {"title": "Stay"}]
    shown = {"title": "Hi", "link": f"{SHOP}/new?a=1", "icon": f"{SHOP}/i.png", "buttons": buttons}
    filters = {"countries": ["de", "AT"], "platforms": ["mobile"], "browsers": ["firefox"]}
    options = {"queryParams": {"utm_source": "a b", "c": "{{campaign_id}}"}, "filters": filters}
    campaign = await kept(api, await api.create(notification=shown, options=options, frequency=DAILY))
    added = "utm_source=a%20b&c={{campaign_id}}"
    assert campaign.content.url == f"{SHOP}/new?a=1&{added}"
    assert [each.url for each in campaign.content.actions] == [
        f"{SHOP}/go?{added}#top",
        f"{SHOP}/new?a=1&{added}",
    ]
    assert campaign.content.icon == f"{SHOP}/i.png"
    assert target_tree(campaign.target) == {
        "condition": {
            "and": [
                {"field": "country", "op": "in", "value": ["DE", "AT"]},
                {"field": "platform", "op": "in", "value": ["mobile", "tablet"]},
                {"field": "browser", "op": "in", "value": ["firefox"]},
            ]
        }
    }
    assert (campaign.recurrence.cron, campaign.recurrence.zone) == (DAILY, "UTC")
    assert campaign.adapter == "pushpilot"


@pytest.mark.parametrize("options", [None, {}, {"filters": {}}, {"filters": {"countries": []}}], ids=str)
async def test_without_filters_it_is_for_everyone(api: PushPilotApi, options):
    campaign = await api.create(options=options, notification={"title": "Hi"})
    assert target_tree((await kept(api, campaign)).target) == {"all": True}
    assert (await kept(api, campaign)).content.url == SHOP


async def test_fields_that_are_not_known_are_passed_over_and_counted(api: PushPilotApi):
    counted = []
    api.gateway._count_ignored = lambda adapter, fields: counted.append((adapter, fields))
    made = await api.create(notification={**SHOWN, "sound": "bell", "vibrate": [1]}, teamId="x")
    assert made["notification"]["sound"] == "bell"
    assert counted == [("pushpilot", 3)]


# ── launched ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_without_time_it_is_sent_at_once_and_is_standard(api: PushPilotApi):
    said = await api.tell("POST", f"{CAMPAIGNS}/{(await api.create())['id']}/launch")
    assert said["message"] == "Campaign launched successfully"
    assert said["data"]["campaign"]["type"] == said["data"]["campaign"]["status"] == "standard"
    launches = (await get_campaign(api.scope, api.service, int(said["data"]["campaign"]["id"]))).launches
    assert [each.start_at for each in launches] == [NOW]


async def test_a_start_that_is_earlier_today_is_now(api: PushPilotApi):
    made = await api.create(startAt="2026-11-21T00:00:00Z")
    assert (await api.act(made, "launch"))["type"] == "standard"


async def test_with_a_start_to_come_it_is_planned(api: PushPilotApi):
    made = await api.create(startAt=SOON)
    launched = await api.act(made, "launch")
    assert (launched["type"], launched["startAt"]) == ("planned", SOON)
    handled = await api.ask("POST", f"{CAMPAIGNS}/{made['id']}/launch")
    assert handled.answer.status == 409
    await launch_due_campaign(api.service, LATER)
    assert (await api.see(made))["type"] == "standard"


async def test_with_a_frequency_it_recurs_is_paused_and_goes_on(api: PushPilotApi):
    made = await api.create(frequency=DAILY)
    assert (await api.act(made, "launch"))["type"] == "recurring"
    said = await api.tell("POST", f"{CAMPAIGNS}/{made['id']}/pause")
    assert said["message"] == "Campaign set to pause"
    paused = said["data"]["campaign"]
    assert (paused["type"], paused["status"]) == ("recurring", "paused")
    assert await launch_due_campaign(api.service, LATER) is None
    assert (await api.act(made, "launch"))["status"] == "recurring"
    await launch_due_campaign(api.service, LATER)
    assert len((await get_campaign(api.scope, api.service, int(made["id"]))).launches) == 1
    assert (await api.see(made))["type"] == "recurring"


@pytest.mark.parametrize("fields", [{}, {"startAt": SOON}])
async def test_only_what_recurs_is_paused(api: PushPilotApi, fields):
    made = await api.create(**fields)
    for _ in range(2):
        handled = await api.ask("POST", f"{CAMPAIGNS}/{made['id']}/pause")
        assert handled.answer.status == 409
        await api.ask("POST", f"{CAMPAIGNS}/{made['id']}/launch")


@pytest.mark.parametrize("notification", [None, {}])
async def test_a_draft_without_a_notification_is_not_launched(api: PushPilotApi, notification):
    made = await api.create(notification=notification)
    assert made["notification"] is None
    path = f"{CAMPAIGNS}/{made['id']}"
    assert (await api.ask("POST", f"{path}/launch")).answer.status == 409
    await api.tell("PATCH", path, {"notification": SHOWN})
    assert (await api.act(made, "launch"))["type"] == "standard"


async def test_its_filters_decide_who_gets_it(api: PushPilotApi):
    for name, agent in (("a", "Firefox/140.0"), ("b", "Chrome/140.0.0.0 Safari/537.36")):
        body, page = {"subscription": subscription(name)}, {"token": None, "origin": SHOP}
        await api.make(f"/v1/sites/site_{api.site}/subscribers", body, user_agent=f"{LINUX} {agent}", **page)
    made = await api.create(options={"filters": {"platforms": ["desktop"], "browsers": ["firefox"]}})
    await api.act(made, "launch")
    [launch] = (await get_campaign(api.scope, api.service, int(made["id"]))).launches
    assert launch.targeted == 1


# ── changed, copied, deleted ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_what_is_given_changes_and_the_rest_stays(api: PushPilotApi, method):
    options = {"queryParams": {"a": "1"}}
    made = await api.create(description="One", options=options, frequency=DAILY, startAt=SOON)
    path = f"{CAMPAIGNS}/{made['id']}"
    changed = {"name": "Winter", "endsAt": "2027-03-01T10:00:00.000Z", "frequency": "0 9 * * *"}
    said = await api.tell(method, path, {**changed, "websiteId": "999", "description": None})
    assert said["message"] == "Campaign updated successfully"
    found = said["data"]["campaign"]
    assert found == {**made, **changed, "updatedAt": found["updatedAt"]}
    assert (await kept(api, made)).content.url == f"{SHOWN['url']}?a=1"


async def test_a_notification_and_its_query_parameters_change_by_themselves(api: PushPilotApi):
    made = await api.create(options={"queryParams": {"a": "1"}})
    path = f"{CAMPAIGNS}/{made['id']}"
    await api.tell("PATCH", path, {"notification": {**SHOWN, "url": f"{SHOP}/other"}})
    assert (await kept(api, made)).content.url == f"{SHOP}/other?a=1"
    await api.tell("PATCH", path, {"options": {"queryParams": {"b": "2"}}})
    assert (await kept(api, made)).content.url == f"{SHOP}/other?b=2"
    await api.tell("PATCH", path, {"options": {"filters": {"countries": ["de"]}}})
    found = await kept(api, made)
    assert (found.content.url, "condition" in target_tree(found.target)) == (f"{SHOP}/other", True)


async def test_what_is_launched_is_changed_only_while_it_recurs_or_waits(api: PushPilotApi):
    for fields, status in (({}, 409), ({"startAt": SOON}, 200), ({"frequency": DAILY}, 200)):
        made = await api.create(**fields)
        await api.act(made, "launch")
        await api.tell("PATCH", f"{CAMPAIGNS}/{made['id']}", {"name": "Winter"}, status=status)
    recurring = await kept(api, made)
    await api.tell("PATCH", f"{CAMPAIGNS}/{made['id']}", {"frequency": "0 12 * * *"})
    assert (await kept(api, made)).next_at == recurring.next_at + timedelta(hours=2)


async def test_a_copy_is_a_draft_here_or_on_another_website(api: PushPilotApi):
    made = await api.create(description="One", frequency=DAILY)
    await api.act(made, "launch")
    said = await api.tell("POST", f"{CAMPAIGNS}/{made['id']}/copy")
    assert said["message"] == "Campaign copied successfully"
    copy = said["data"]["campaign"]
    assert copy["id"] != made["id"]
    assert {**copy, "id": made["id"], "createdAt": "", "updatedAt": ""} == {
        **made,
        "createdAt": "",
        "updatedAt": "",
    }
    await api.add_site()
    assert (await api.act(made, f"copy?websiteId={api.site}"))["websiteId"] == str(api.site)


@pytest.mark.parametrize("fields", [{}, {"startAt": SOON}, {"frequency": DAILY}])
async def test_what_is_not_being_sent_is_deleted_without_a_word(api: PushPilotApi, fields):
    for is_launched in (False, True):
        made = await api.create(**fields)
        if is_launched and fields:
            await api.act(made, "launch")
        assert await api.tell("DELETE", f"{CAMPAIGNS}/{made['id']}", status=204) is None
        await api.tell("GET", f"{CAMPAIGNS}/{made['id']}", status=404)
    assert await launch_due_campaign(api.service, LATER) is None


async def test_what_is_being_sent_is_not_deleted_unless_it_recurs(api: PushPilotApi):
    once, again = await api.create(), await api.create(frequency=DAILY)
    for each in (once, again):
        await api.act(each, "launch")
    await launch_due_campaign(api.service, LATER)
    said = await api.tell("DELETE", f"{CAMPAIGNS}/{once['id']}", status=409)
    assert said["success"] is False
    await api.tell("DELETE", f"{CAMPAIGNS}/{again['id']}", status=204)
    await api.tell("DELETE", f"{CAMPAIGNS}/{again['id']}", status=404)


# ── listed ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_campaigns_are_listed_by_page_and_name(api: PushPilotApi):
    names = [(await api.create(name=name))["name"] for name in ("One", "Two", "Two and a half")]
    said = await api.tell("GET", CAMPAIGNS)
    assert said["message"] == "Campaigns found matching your query"
    assert [each["name"] for each in said["data"]["campaigns"]] == names[::-1]
    assert said["data"]["pagination"] == {
        "total": 3,
        "perPage": 20,
        "currentPage": 1,
        "lastPage": 1,
        "firstPage": 1,
        "firstPageUrl": "/?page=1",
        "lastPageUrl": "/?page=1",
        "nextPageUrl": None,
        "previousPageUrl": None,
    }
    said = await api.tell("GET", f"{CAMPAIGNS}?search=two&page=2&perPage=1")
    assert [each["name"] for each in said["data"]["campaigns"]] == ["Two"]
    page = said["data"]["pagination"]
    assert (page["total"], page["lastPage"], page["nextPageUrl"], page["previousPageUrl"]) == (
        2,
        2,
        None,
        "/?page=1",
    )
    said = await api.tell("GET", f"{CAMPAIGNS}?search=none&other=1")
    assert (said["data"]["campaigns"], said["data"]["pagination"]["lastPage"]) == ([], 1)


@pytest.mark.parametrize(
    "query",
    ["page=0", "page=x", "page=1e99", "page=99999999999999999999", "perPage=0", "perPage=101", "search=%00"],
)
async def test_a_page_that_cannot_be_is_refused(api: PushPilotApi, query):
    assert (await api.tell("GET", f"{CAMPAIGNS}?{query}", status=400))["success"] is False


async def test_campaigns_of_the_own_api_are_told_in_its_words(api: PushPilotApi):
    _, own = await api.log_in(account=api.account)
    content = {"title": "Hi", "url": SHOP, "actions": [{"action": "a", "title": "Go", "url": SHOP}]}
    body = {"name": "Own", "content": content, "target": {"all": True}}
    made = await api.make(f"/v1/sites/site_{api.site}/campaigns", body, token=own)
    number = made["id"].removeprefix("camp_")
    found = (await api.tell("GET", f"{CAMPAIGNS}/{number}"))["data"]["campaign"]
    assert found["notification"] == {"title": "Hi", "url": SHOP, "actions": [{"title": "Go", "url": SHOP}]}
    assert (found["description"], found["options"], found["frequency"]) == ("", None, None)
    await api.act(found, "launch")
    await pause_campaign(api.scope, api.service, int(number), NOW)
    paused = await api.see(found)
    assert (paused["type"], paused["status"]) == ("standard", "paused")
