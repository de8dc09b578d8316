"""docs/api.md says of the API what the code says."""

import re

import msgspec

from campaigns.adapters.own.adapter import OWN, PROBLEM_JSON, Problem
from campaigns.adapters.own.lists import LIMIT_DEFAULT
from campaigns.adapters.refusals import STATUSES, Reason
from campaigns.api.authentication import REMEMBERED_SECONDS
from campaigns.api.gateway import TIME_LIMIT
from campaigns.api.idempotency import KEPT, KEY_MAX, REPLAYED
from campaigns.api.limits import FAILED_LOGINS, OPEN, SITE
from campaigns.api.matching import Table
from campaigns.api.routes import routes
from campaigns.api.server import BODY_MAX_BYTES
from campaigns.operations.service import PAGE_MAX
from tests.docs.support import DOCS, text

PAGE = " ".join(text(DOCS / "api.md").split())


def test_its_numbers_are_the_code_s():
    for said in (
        f"may ask {OWN.requests_a_minute} times a minute",
        f"may subscribe {OPEN['subscribe'].amount} times a minute",
        f"report {OPEN['events'].amount} times",
        f"anything else {OPEN['open'].amount:,} times",
        f"takes {SITE.amount} subscriptions a second",
        f"no longer than {REMEMBERED_SECONDS:g} seconds",
        f"`limit` ({LIMIT_DEFAULT}, at most {PAGE_MAX})",
        f"has {TIME_LIMIT:g} seconds and {BODY_MAX_BYTES >> 20} MiB",
        f"For {KEPT.total_seconds() / 3600:g} hours",
        f"of up to {KEY_MAX} characters",
        PROBLEM_JSON,
    ):
        assert said in PAGE
    assert FAILED_LOGINS.amount == 10
    assert f"`{next(iter(REPLAYED))}: true`" in PAGE


def test_its_problem_is_one():
    example = re.search(r"```json\n(.*?)```", text(DOCS / "api.md"), re.DOTALL)
    assert example
    problem = msgspec.json.decode(example.group(1), type=Problem)
    assert problem.type == f"/docs#{Reason.INVALID}"
    assert problem.status == STATUSES[Reason.INVALID]


def test_its_calls_are_routes():
    table = Table(routes("https://push.example"), OWN)
    calls = re.findall(r"curl https://push\.example(\S+) .*?(--json|-X POST|\n)", text(DOCS / "api.md"))
    assert len(calls) == 3
    for path, how in calls:
        assert table.match("GET" if how == "\n" else "POST", path).parameters()
