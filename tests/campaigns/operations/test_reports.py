"""Where a redirected click leads, for those who were shown a translation."""

import pytest

from campaigns.model.secrets import Purpose
from campaigns.model.site import TrackClicks
from campaigns.model.subscriber import Profile
from campaigns.model.target import Everyone
from campaigns.model.tokens import recipient_token
from campaigns.operations.campaigns import CampaignDraft, create_campaign, launch_campaign
from campaigns.operations.reports import follow
from campaigns.operations.subscribers import Subscribing, subscribe
from tests.campaigns.operations.support import HELLO, NOW, subscription

SHOP = "https://shop.example"
GERMAN = {
    "title": "Hallo",
    "url": f"{SHOP}/de/{{{{__upper__plan|none}}}}",
    "actions": [{"action": "buy", "title": "Kaufen", "url": f"{SHOP}/kaufen"}],
}


@pytest.mark.parametrize(
    ("clicked", "leads_to"),
    [
        (("de-AT", None), f"{SHOP}/de/GOLD"),
        (("de", 0), f"{SHOP}/kaufen"),
        (("fr", None), f"{SHOP}/fr"),
        (("en", None), f"{SHOP}/"),
        ((None, None), f"{SHOP}/"),
    ],
)
async def test_a_click_leads_where_the_translation_leads(scope, service, site, clicked, leads_to):
    language, button = clicked
    profile = Profile(language=language, attributes={"plan": "gold"})
    said = Subscribing(subscription=subscription(), profile=profile)
    subscriber = (await subscribe(service, site.id, said, NOW)).number
    draft = CampaignDraft(
        name="Sale",
        content={**HELLO, "url": f"{SHOP}/"},
        translations={"de": GERMAN, "fr": {"title": "Bonjour", "url": f"{SHOP}/fr"}},
        target=Everyone(),
        track_clicks=TrackClicks.REDIRECT,
    )
    made = await create_campaign(scope, service, site.id, draft, NOW)
    [launch] = (await launch_campaign(scope, service, made.campaign.id, NOW)).launches
    token = recipient_token(service.secrets.keys(Purpose.RECIPIENT_TOKEN).signing, launch.id, subscriber)
    assert (await follow(service, token, button, NOW)).url == leads_to
