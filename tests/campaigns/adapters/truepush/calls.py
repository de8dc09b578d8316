"""The calls of Truepush's API documentation, in its order, by its headings."""

from tests.campaigns.adapters.platform import DocumentedCall

SHOWN = {"title": "text", "message": "text", "link": "text"}
MORE = {
    "buttons": "list",
    "tags": "list",
    "userInteraction": "truth",
    "userInteractionRequired": "truth",
    "image": "text",
    "icon": "text",
}

CALLS = (
    DocumentedCall(
        "1. Create Campaign",
        "createCampaign",
        "POST",
        "/api/v1/createCampaign",
        required=SHOWN,
        optional={
            **MORE,
            "scheduled": "truth",
            "timings": "object",
            "campaignExpiryTime": "number",
            "segment": "text",
            "Segment": "text",
        },
    ),
    DocumentedCall("2. Cancel Campaign", "cancelCampaign", "PUT", "/api/v1/cancelCampaign/{campaign}"),
    DocumentedCall("3. Campaign Stats", "campaignStats", "GET", "/api/v1/campaignStats/{campaign}"),
    DocumentedCall("4. List Segments", "listSegment", "GET", "/api/v1/listSegment/{page}"),
    DocumentedCall("5. Delete Segment", "deleteSegment", "DELETE", "/api/v1/deleteSegment/{segment}"),
    DocumentedCall(
        "6. Create Template",
        "createTemplate",
        "POST",
        "/api/v1/createTemplate",
        required={"name": "text", **SHOWN},
        optional=MORE,
    ),
    DocumentedCall("7. Delete Template", "deleteTemplate", "DELETE", "/api/v1/deleteTemplate/{template}"),
    DocumentedCall("8. List Template", "listTemplate", "GET", "/api/v1/listTemplate/{page}"),
    DocumentedCall(
        "9.Create Trigger",
        "createTrigger",
        "POST",
        "/api/v1/createTrigger",
        required={"name": "text", "templateId": "text", "type": "text", "timings": "object"},
        optional={"note": "text", "segmentId": "text"},
    ),
    DocumentedCall("10. Delete Trigger", "deleteTrigger", "DELETE", "/api/v1/deleteTrigger/{trigger}"),
    DocumentedCall("10. Delete Trigger", "deleteListedTrigger", "DELETE", "/api/v1/listTrigger/{trigger}"),
    DocumentedCall("11. List Trigger", "listTrigger", "GET", "/api/v1/listTrigger/{page}"),
    DocumentedCall(
        "12. Change Trigger Status",
        "triggerStatus",
        "PUT",
        "/api/v1/triggerStatus/{trigger}",
        required={"status": "text"},
    ),
    DocumentedCall("13. List Campaigns", "listCampaign", "GET", "/api/v1/listCampaign/{page}"),
)

FAILURES = {
    "createCampaign": ("Campaign Creating failed", "CAMPAIGN-CREATING-FAILED"),
    "cancelCampaign": ("Can't Cancel Because Already Sent or Cancelled", "ALREADY-SENT-OR-CANCELLED"),
    "campaignStats": ("No Stats Found", "NO-STATS-FOUND"),
    "listSegment": ("Segments Not Found", "SEGMENTS-NOT-FOUND"),
    "deleteSegment": ("No Segment Found to Delete", "NO-SEGMENT-FOUND-TO-DELETE"),
    "createTemplate": ("Template Creating failed", "TEMPLATE-CREATING-FAILED"),
    "deleteTemplate": ("No Template Found to Delete", "NO-TEMPLATE-FOUND-TO-DELETE"),
    "listTemplate": ("No Templates Found", "TEMPLATES-NOT-FOUND"),
    "createTrigger": ("Trigger adding failed", "TRIGGER-ADDING-FAILED"),
    "deleteTrigger": ("No Trigger Found to Delete", "NO-TRIGGER-FOUND-TO-DELETE"),
    "deleteListedTrigger": ("No Trigger Found to Delete", "NO-TRIGGER-FOUND-TO-DELETE"),
    "listTrigger": ("Triggers Not Found", "TRIGGERS-NOT-FOUND"),
    "triggerStatus": (
        "No Trigger Found to Update or already in given status",
        "NO-TRIGGER-FOUND-TO-UPDATE-OR-ALREADY-IN-GIVEN-STATUS",
    ),
    "listCampaign": ("Campaigns Not Found", "CAMPAIGNS-NOT-FOUND"),
}
"""What each call answers under 204."""
