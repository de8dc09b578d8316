"""What tests of PushPilot's API begin with."""

from typing import Any

from campaigns.model.credential import CredentialKind
from tests.campaigns.adapters.own.support import SHOP
from tests.campaigns.adapters.platform import PlatformApi

CAMPAIGNS = "/pushpilot/campaigns"
SHOWN = {"title": "Hello", "body": "It is autumn.", "url": f"{SHOP}/new"}


class PushPilotApi(PlatformApi):
    """PushPilot's API, asked with a key of an account with a website."""

    def __init__(self, database: Any) -> None:
        super().__init__(database, CredentialKind.PUSHPILOT)

    def body(self, **fields: Any) -> dict[str, Any]:
        """A new campaign."""
        return {"websiteId": str(self.site), "name": "Autumn", "notification": SHOWN, **fields}

    async def create(self, **fields: Any) -> dict[str, Any]:
        """Make a campaign."""
        said = await self.tell("POST", CAMPAIGNS, self.body(**fields), status=201)
        return said["data"]["campaign"]

    async def act(self, campaign: dict[str, Any], action: str, **more: Any) -> Any:
        """Launch, pause or copy a campaign; return the campaign as it is then."""
        said = await self.tell("POST", f"{CAMPAIGNS}/{campaign['id']}/{action}", **more)
        return said["data"]["campaign"]

    async def see(self, campaign: dict[str, Any]) -> dict[str, Any]:
        """Ask for a campaign."""
        return (await self.tell("GET", f"{CAMPAIGNS}/{campaign['id']}"))["data"]["campaign"]
