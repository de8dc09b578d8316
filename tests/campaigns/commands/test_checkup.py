"""What is made of what was found: each finding right, wrong, or not to be known."""

import msgspec
import pytest

from campaigns.commands.checkup import (
    Page,
    Result,
    is_well,
    key_finding,
    origins_finding,
    policy_finding,
    public_url_finding,
    push_finding,
    worker_finding,
)
from campaigns.model.site import ANY_LOCAL, NewSite
from campaigns.sdk.snippet import snippet

PUBLIC = b"\x04" + bytes(64)
SITE = NewSite(
    url="https://shop.example/en",
    origins=("https://shop.example",),
    name="Shop",
    zone="UTC",
    vapid_key="shop",
)
SNIPPET = snippet("https://push.example", "site_1", "KEY")
WORKER = 'importScripts("https://push.example/sdk/worker.js");'


@pytest.mark.parametrize(
    ("folder", "found", "result"),
    [
        ("/vapid", PUBLIC, Result.OK),
        ("/vapid", None, Result.WRONG),
        ("/vapid", b"\x04" + bytes(63) + b"\x01", Result.WRONG),
        (None, None, Result.UNKNOWN),
    ],
)
def test_the_key(folder, found, result):
    assert key_finding("shop", folder, found, PUBLIC).result is result


@pytest.mark.parametrize(
    ("origins", "result"),
    [
        (("https://shop.example",), Result.OK),
        (("https://shop.example", ANY_LOCAL), Result.OK),
        (("https://www.shop.example",), Result.WRONG),
    ],
)
def test_the_origins(origins, result):
    assert origins_finding(msgspec.structs.replace(SITE, origins=origins)).result is result


@pytest.mark.parametrize(
    ("url", "page", "result"),
    [
        ("https://push.example", Page(200), Result.OK),
        ("http://localhost:9500", Page(200), Result.OK),
        ("http://push.example", Page(200), Result.WRONG),
        ("https://push.example", Page(404), Result.WRONG),
        ("https://push.example", "cannot be loaded", Result.WRONG),
    ],
)
def test_the_public_url(url, page, result):
    assert public_url_finding(url, page).result is result


@pytest.mark.parametrize(
    ("policy", "missing"),
    [
        ("", None),
        ("img-src 'none'", None),
        ("default-src *", None),
        ("default-src https:; worker-src 'self'", None),
        ("script-src 'self' https://push.example; connect-src https://push.example", None),
        ("default-src 'self'", "script-src https://push.example; connect-src https://push.example"),
        ("default-src https://push.example", "worker-src 'self'"),
        ("default-src https://push.example; worker-src https://shop.example", None),
        ("Script-Src 'none'", "script-src https://push.example"),
    ],
)
def test_the_policy(policy, missing):
    found = policy_finding(SITE, SNIPPET, Page(200, policy))
    assert found.result is (Result.OK if missing is None else Result.WRONG)
    assert missing is None or found.detail.endswith(f"lacks: {missing}")


def test_a_policy_that_cannot_be_seen_is_not_wrong():
    found = policy_finding(SITE, SNIPPET, "does not answer")
    assert found.result is Result.UNKNOWN
    assert is_well([found])


@pytest.mark.parametrize(
    ("page", "result"),
    [
        (Page(200, media_type="text/javascript", text=WORKER), Result.OK),
        (Page(200, media_type="text/html", text=WORKER), Result.WRONG),
        (Page(200, media_type="text/javascript", text="// empty"), Result.WRONG),
        (Page(404), Result.WRONG),
        ("cannot be loaded", Result.WRONG),
    ],
)
def test_the_worker_script(page, result):
    found = worker_finding(SITE, SNIPPET, page)
    assert found.result is result
    assert "https://shop.example/pm-worker.js" in found.detail


@pytest.mark.parametrize(
    ("by_status", "targeted", "result"),
    [
        ({"sent": 1}, 1, Result.OK),
        ({"expired": 1}, 1, Result.WRONG),
        ({}, 1, Result.WRONG),
        ({}, 0, Result.WRONG),
    ],
)
def test_a_push(by_status, targeted, result):
    assert push_finding(by_status, targeted).result is result
