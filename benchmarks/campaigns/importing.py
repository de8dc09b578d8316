"""Subscribers imported, compared with COPY alone, in turns on one PostgreSQL.

COPY alone writes finished rows into the table of subscribers, with its indexes. The import keeps besides what
must be unique in tables of its own, and counts. The door reads JSON, and checks endpoints, keys, tags and
attributes. Costs are processor time of this process and of PostgreSQL.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from benchmarks.campaigns.cost import Cost, Meter
from benchmarks.campaigns.findings import Bound, Finding
from benchmarks.campaigns.surroundings import Surroundings
from campaigns.api.outside import read_zones
from campaigns.model.import_lines import read_json_line
from campaigns.store.database import Database
from campaigns.store.subscriber_import import ImportLine, import_subscribers
from campaigns.store.subscribers import profile_columns
from crypto.keys import generate_receiver_keys
from worker.push.services import Endpoints

NOW = datetime.now(UTC)
LINES = 5_000
TURNS = 3
"""For each turn of other rows."""

NOBODYS, IMPORTED = 2**30, 2**30 + 1
"""Sites of their own: no audience's."""

COPIED = (
    *("id", "site", "status", "endpoint", "p256dh", "auth", "vapid_key", "payload_format", "hwid"),
    *("external_id", "browser", "os", "platform", "device", "language", "country", "region", "city", "zone"),
    *("landing_url", "tags", "attributes", "created_at", "updated_at", "seen_at", "status_at"),
)
COPY, IMPORT, DOOR = STEPS = ("COPY alone", "import", "the door")


async def importing(around: Surroundings) -> list[Finding]:
    """Measure the import beside COPY: at least 0.4 of its pace."""
    size = min(LINES, around.options.recipients)
    meter = Meter(around.server.pid, size)
    await _turn(around.database, meter, size, backwards=False)  # compiles, and warms caches
    turns = [
        await _turn(around.database, meter, size, backwards=number % 2 == 1)
        for number in range(TURNS * around.options.turns)
    ]
    return [*(_cost(name, turns) for name in STEPS), _share(turns)]


def _cost(name: str, turns: Sequence[dict[str, Cost]]) -> Finding:
    ours, theirs = ([costs[name][part] for costs in turns] for part in range(2))
    return Finding(name, "us CPU a line", ours, postgresql=theirs)


def _share(turns: Sequence[dict[str, Cost]]) -> Finding:
    shares = [costs[COPY].total / costs[IMPORT].total for costs in turns]
    return Finding("the import's share of COPY's pace", "times", shares, Bound(0.4, at_least=True))


async def _turn(database: Database, meter: Meter, size: int, *, backwards: bool) -> dict[str, Cost]:
    """Measure each step once, with lines of its own."""
    rows = [_row(_new_number(), line) for line in _read(_make_lines(size))]
    lines = _make_lines(size)
    costs = {}
    for name in reversed(STEPS) if backwards else STEPS:
        checked = _read(lines) if name == IMPORT else []
        meter.start()
        if name == COPY:
            await _copy(database, rows)
        elif name == IMPORT:
            await _take_in(database, checked)
        else:
            _read(lines)
        costs[name] = meter.stop()
    return costs


def _make_lines(number: int) -> list[bytes]:
    """Make lines as an export of a shop has them; receivers' keys are a few, endpoints all differ."""
    keys = [generate_receiver_keys() for _ in range(50)]
    return [
        msgspec.json.encode(
            {
                "subscription": {
                    "endpoint": f"https://fcm.googleapis.com/fcm/send/{os.urandom(80).hex()}",
                    "keys": {"p256dh": keys[n % 50].p256dh, "auth": keys[n % 50].auth_text},
                },
                "external_id": os.urandom(6).hex(),
                "tags": ["shoes", "news"],
                "attributes": {"plan": "pro", "age": n % 90},
                "browser": "chrome",
                "os": "android",
                "language": "de",
                "country": "DE",
                "zone": "Europe/Berlin",
            }
        )
        for n in range(number)
    ]


def _read(lines: Sequence[bytes]) -> list[ImportLine]:
    endpoints, zones = Endpoints(), read_zones()
    return [ImportLine(n, *read_json_line(line, endpoints, zones)) for n, line in enumerate(lines)]


def _row(number: int, line: ImportLine) -> tuple[object, ...]:
    subscription = line.subscription
    keys = (subscription.endpoint, subscription.p256dh, subscription.auth)
    return (number, NOBODYS, "active", *keys, "key", *profile_columns(line.profile), NOW, NOW, NOW, NOW)


async def _copy(database: Database, rows: Sequence[tuple[object, ...]]) -> None:
    async with database.transaction() as connection:
        await connection.copy_records_to_table("subscriber", records=rows, columns=COPIED)


async def _take_in(database: Database, lines: list[ImportLine]) -> None:
    async with database.transaction() as connection:
        done = await import_subscribers(
            connection, IMPORTED, lines, vapid_key="key", now=NOW, new_number=_new_number
        )
    if done.added != len(lines):
        raise AssertionError(f"{done.added} of {len(lines)} were added")


def _new_number() -> int:
    return int.from_bytes(os.urandom(7)) % 2**53
