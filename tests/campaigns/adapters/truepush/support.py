"""What tests of Truepush's API begin with."""

import re
from typing import Any

from campaigns.model.credential import CredentialKind
from campaigns.operations.segments import create_segment
from tests.campaigns.adapters.own.support import SHOP, subscription
from tests.campaigns.adapters.platform import PlatformApi
from tests.campaigns.adapters.truepush.calls import FAILURES
from tests.campaigns.api.support import said
from tests.campaigns.operations.test_segments import NEWS

SHOWN = {"title": "Notification with API", "message": "It is autumn.", "link": f"{SHOP}/new"}
DAILY = {"sub_type": "daily", "hours": 10, "minutes": 0}
MADE = re.compile(r".* with id:([0-9a-f]{24})")


class TruepushApi(PlatformApi):
    """Truepush's API, asked with the token of a project."""

    def __init__(self, database: Any) -> None:
        super().__init__(database, CredentialKind.TRUEPUSH)

    async def done(self, method: str, path: str, body: object = b"", **more: Any) -> Any:
        """Ask for something that is done; return the envelope."""
        found = await self.tell(method, f"/api/v1/{path}", body, **more)
        assert (found["status_code"], found["status"]) == (200, "SUCCESS"), found
        return found

    async def made(self, path: str, body: object) -> str:
        """Make something; return its id, as clients cut it out."""
        match = MADE.fullmatch((await self.done("POST", path, body))["message"])
        assert match
        return match[1]

    async def failed(self, name: str, method: str, path: str, body: object = b"", **more: Any) -> None:
        """Ask for something that cannot be done, and insist on the body that the document has for that."""
        found = await self.tell(method, f"/api/v1/{path}", body, **more)
        message, data = FAILURES[name]
        assert found == {"status_code": 204, "status": "ERROR", "message": message, "data": data}

    async def bad(self, method: str, path: str, body: object = b"", **more: Any) -> Any:
        """Ask for something with data that cannot be; return the fields that are named."""
        found = await self.tell(method, f"/api/v1/{path}", body, status=400, **more)
        assert (found["status_code"], found["status"]) == (400, "ERROR")
        assert (found["message"], found["data"]) == ("Invalid Data Message", "BAD-REQUEST")
        return [each["field"] for each in found.get("errors", ())]

    async def campaign(self, **fields: Any) -> str:
        """Make a campaign."""
        return await self.made("createCampaign", {**SHOWN, **fields})

    async def template(self, name: str = "Hello", **fields: Any) -> str:
        """Make a template."""
        return await self.made("createTemplate", {"name": name, **SHOWN, **fields})

    async def trigger(self, name: str = "Daily", **fields: Any) -> str:
        """Make a trigger with a template of its own."""
        body = {"name": name, "type": "repeated", "timings": DAILY, **fields}
        if "templateId" not in body:
            body["templateId"] = await self.template(f"For {name}")
        return await self.made("createTrigger", body)

    async def segment(self, name: str = "News") -> str:
        """Make a segment, as its owner does elsewhere."""
        made = await create_segment(self.scope, self.service, self.site, name, NEWS)
        return f"{made.id:024x}"

    async def subscribe(self, name: str, *tags: str) -> str:
        """Add a subscriber."""
        body = {"subscription": subscription(name), "tags": list(tags)}
        path = f"/v1/sites/site_{self.site}/subscribers"
        return said(await self.ask("POST", path, body, token=None, origin=SHOP))["id"]
