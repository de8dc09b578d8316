"""The reason that a push service gives, without a part of any secret."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.push.answers import PushResponse
from worker.push.reasons import REASON_MAX_CHARS, reason_given

TOKEN = "dGhlLXRva2Vu:APA91bFs3cr3t_s3cr3t-s3cr3t"
ENDPOINT = f"https://fcm.googleapis.com/fcm/send/{TOKEN}"
KEYS = ("BF0-s3cr3t-s3cr3t", "YXV0aC1zM2NyM3Q")
SECRETS = (ENDPOINT, *KEYS)


def reason(body=b"", status=400, **headers):
    raw = (
        body
        if isinstance(body, bytes)
        else body.encode()
        if isinstance(body, str)
        else json.dumps(body).encode()
    )
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return reason_given(PushResponse(status, named, raw), SECRETS)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", ""),
        (b"   ", ""),
        ({}, ""),
        ([1], "[1]"),
        ({"reason": "VapidPkHashMismatch"}, "VapidPkHashMismatch"),
        (
            {"code": 410, "errno": 106, "error": "Gone", "message": "No such subscription", "more_info": "http://x"},
            "errno 106, Gone, No such subscription",
        ),
        ({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "No"}}, "PERMISSION_DENIED, No"),
        ({"error": "Forbidden", "message": "Forbidden"}, "Forbidden"),
        ({"reason": None, "message": True, "error": []}, ""),
        ("permission denied: invalid JWT provided\n", "permission denied: invalid JWT provided"),
        (
            "<HTML><HEAD><TITLE>Not Found</TITLE><style>a{b}</style></HEAD><BODY>\n<H1>Error 404</H1></BODY>",
            "Not Found Error 404",
        ),
        (f"A valid push subscription endpoint should be specified in the URL as such: {ENDPOINT}",
         "A valid push subscription endpoint should be specified in the URL as such: …"),
        (f"unknown token {TOKEN}", "unknown token …"),
        (f"unknown token {TOKEN.partition(':')[2]}", "unknown token …"),
        (f"bad key {KEYS[0]} or {KEYS[1]}", "bad key … or …"),
        ("jwt eyJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJ4In0", "jwt …"),
        ("\x1b[2Jnot\u202ehere", "?[2Jnot?here"),
        (b"\xff", "\N{REPLACEMENT CHARACTER}"),
    ],
)  # fmt: skip
def test_the_reason(body, said):
    assert reason(body) == said


def test_wns_says_it_in_headers():
    said = reason(
        x_wns_status="dropped", x_wns_error_description="Ttl value conflicts with X-WNS-Cache-Policy."
    )
    assert said == "dropped, Ttl value conflicts with X-WNS-Cache-Policy."
    assert reason(retry_after="5") == ""


def test_it_is_bounded():
    assert len(reason("no " * 2_000)) == REASON_MAX_CHARS + 1


@given(
    st.lists(
        st.sampled_from([ENDPOINT, TOKEN, *KEYS, *TOKEN.split(":"), " ", "x", '"', "{", "<", "é", "\n", "/"])
    )
)
def test_no_secret_is_in_it_wherever_it_was(pieces):
    said = reason("".join(pieces))
    assert "s3cr3t" not in said
    assert said.isprintable()


@given(st.binary(max_size=200), st.dictionaries(st.sampled_from(["x-wns-status"]), st.text()))
def test_any_answer(body, headers):
    assert len(reason_given(PushResponse(400, headers, body), SECRETS)) <= REASON_MAX_CHARS + 1
