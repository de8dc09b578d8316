"""The calls of PushPilot API (1.0.0), by its headings; methods and paths are ours: it does not show them."""

from tests.campaigns.adapters.platform import DocumentedCall

ONE = "/pushpilot/campaigns/{campaign}"
FIELDS = {
    "description": "text",
    "notification": "object",
    "frequency": "text",
    "startAt": "text",
    "endsAt": "text",
    "options": "object",
}

CALLS = (
    DocumentedCall("Websites: List websites", "listWebsites", "GET", "/pushpilot/websites"),
    DocumentedCall("Campaigns: List campaigns", "listCampaigns", "GET", "/pushpilot/campaigns"),
    DocumentedCall(
        "Campaigns: Create a campaign",
        "createCampaign",
        "POST",
        "/pushpilot/campaigns",
        required={"websiteId": "text", "name": "text"},
        optional=FIELDS,
    ),
    DocumentedCall("Campaigns: Get a campaign", "getCampaign", "GET", ONE),
    DocumentedCall(
        "Campaigns: Update a campaign", "updateCampaign", "PUT", ONE, optional={"name": "text", **FIELDS}
    ),
    DocumentedCall(
        "Campaigns: Update a campaign", "patchCampaign", "PATCH", ONE, optional={"name": "text", **FIELDS}
    ),
    DocumentedCall("Campaigns: Delete a campaign", "deleteCampaign", "DELETE", ONE),
    DocumentedCall("Campaigns: Launch a campaign", "launchCampaign", "POST", f"{ONE}/launch"),
    DocumentedCall("Campaigns: Pause a campaign", "pauseCampaign", "POST", f"{ONE}/pause"),
    DocumentedCall("Campaigns: Copy a campaign", "copyCampaign", "POST", f"{ONE}/copy"),
)
