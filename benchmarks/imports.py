"""Subscribers imported, compared with COPY alone, in turns on one PostgreSQL.

    python -m benchmarks.imports [--turns 9] [--lines 5000]

COPY alone writes finished rows into the table of subscribers, with its indexes. The import keeps besides what
must be unique in tables of its own, and counts. The door reads JSON, and checks endpoints, keys, tags and
attributes. Costs are processor time of this process and of PostgreSQL.
"""

import argparse
import asyncio
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec

from campaigns.api.outside import read_zones
from campaigns.embedded_postgres import EmbeddedPostgres
from campaigns.model.import_lines import read_json_line
from campaigns.store.database import Database
from campaigns.store.migrate import migrate
from campaigns.store.subscriber_import import ImportLine, import_subscribers
from campaigns.store.subscribers import profile_columns
from crypto.keys import generate_receiver_keys
from worker.push.services import Endpoints

NOW = datetime.now(UTC)
COPIED = (
    *("id", "site", "status", "endpoint", "p256dh", "auth", "vapid_key", "payload_format", "hwid"),
    *("external_id", "browser", "os", "platform", "device", "language", "country", "region", "city", "zone"),
    *("landing_url", "tags", "attributes", "created_at", "updated_at", "seen_at", "status_at"),
)
TICKS = os.sysconf("SC_CLK_TCK")
USER, CHILDREN, PARENT = 11, 13, 1  # of /proc/PID/stat behind the name: ticks of its own, of the dead; parent


class Cost(NamedTuple):
    """Microseconds of processor time a line."""

    ours: float
    postgresql: float

    @property
    def total(self) -> float:
        """Of both."""
        return self.ours + self.postgresql


class Meter:
    """Measures what passes between two readings.

    Args:
        server: Process id of PostgreSQL.
        lines: How many lines each measurement is of.
    """

    def __init__(self, server: int, lines: int) -> None:
        self._server = server
        self._lines = lines
        self._began = self._read()

    def start(self) -> None:
        self._began = self._read()

    def stop(self) -> Cost:
        return Cost(
            *((now - then) / self._lines * 1e6 for now, then in zip(self._read(), self._began, strict=True))
        )

    def _read(self) -> tuple[float, float]:
        return time.process_time(), self._server_ticks() / TICKS

    def _server_ticks(self) -> int:
        ticks = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rpartition(") ")[2].split()
            except OSError:
                continue
            if path.parent.name == str(self._server):
                ticks += sum(map(int, fields[USER : CHILDREN + 2]))
            elif fields[PARENT] == str(self._server):
                ticks += sum(map(int, fields[USER : USER + 2]))
        return ticks


def make_lines(number: int) -> list[bytes]:
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


def read(lines: list[bytes]) -> list[ImportLine]:
    endpoints, zones = Endpoints(), read_zones()
    return [ImportLine(n, *read_json_line(line, endpoints, zones)) for n, line in enumerate(lines)]


def row(number: int, line: ImportLine) -> tuple[object, ...]:
    subscription = line.subscription
    keys = (subscription.endpoint, subscription.p256dh, subscription.auth)
    return (number, 1, "active", *keys, "key", *profile_columns(line.profile), NOW, NOW, NOW, NOW)


async def copy(database: Database, rows: list[tuple[object, ...]]) -> None:
    async with database.transaction() as connection:
        await connection.copy_records_to_table("subscriber", records=rows, columns=COPIED)


async def take_in(database: Database, lines: list[ImportLine]) -> None:
    async with database.transaction() as connection:
        done = await import_subscribers(connection, 2, lines, vapid_key="key", now=NOW, new_number=new_number)
    if done.added != len(lines):
        raise AssertionError(f"{done.added} of {len(lines)} were added")


def new_number() -> int:
    return int.from_bytes(os.urandom(7)) % 2**53


async def turn(database: Database, meter: Meter, size: int, *, backwards: bool) -> dict[str, Cost]:
    """Measure each step once, with lines of its own."""
    rows = [row(new_number(), line) for line in read(make_lines(size))]
    lines = make_lines(size)
    costs = {}
    for name in reversed(STEPS) if backwards else STEPS:
        checked = read(lines) if name == IMPORT else []
        meter.start()
        if name == COPY:
            await copy(database, rows)
        elif name == IMPORT:
            await take_in(database, checked)
        else:
            read(lines)
        costs[name] = meter.stop()
    return costs


COPY, IMPORT, DOOR = STEPS = ("COPY alone", "import", "the door")


async def measure(folder: Path, turns: int, size: int) -> list[dict[str, Cost]]:
    async with EmbeddedPostgres(folder) as server:
        await migrate(server.url)
        async with Database(server.url, size=1) as database:
            meter = Meter(server.pid, size)
            await turn(database, meter, size, backwards=False)  # compiles, and warms caches
            return [await turn(database, meter, size, backwards=n % 2 == 1) for n in range(turns)]


def report(turns: list[dict[str, Cost]]) -> None:
    print("CPU, us a line    this process  PostgreSQL")
    for name in STEPS:
        ours, theirs = (median(values) for values in zip(*(costs[name] for costs in turns), strict=True))
        print(f"{name:16}  {ours:12.1f}  {theirs:10.1f}")
    ratios = sorted(costs[COPY].total / costs[IMPORT].total for costs in turns)
    print(f"the import's share of COPY's pace: {median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--lines", type=int, default=5_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        report(asyncio.run(measure(folder / "postgresql", options.turns, options.lines)))


if __name__ == "__main__":
    main()
