"""What browsers report: what a batch costs the API, and that a killed collector loses none.

Batches come from many addresses, so that no limit is met. Costs are processor time of the API's process, from
the request to the acknowledgement of Kafka.
"""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import aiohttp
import msgspec

from benchmarks import worker_run
from benchmarks.campaigns.audiences import number_of
from benchmarks.campaigns.cost import Cost, Meter
from benchmarks.campaigns.findings import Bound, Finding
from benchmarks.campaigns.surroundings import Surroundings
from campaigns.model.secrets import Key, Purpose, parse_secrets
from campaigns.model.tokens import recipient_token
from tests.harness.campaigns_process import SECRET, CampaignsProcess

SIZES = (1, 10, 50)
"""Events of a batch: what a push gives, what a browser that was away for long has gathered, and the most."""

BATCHES = 1_000
AT_ONCE = 8
KILLS = 3
HEADERS = {"Content-Type": "text/plain;charset=UTF-8"}
PROXIES = {"TRUSTED_PROXIES": "127.0.0.1"}
COUNTED = "SELECT coalesce(sum(total), 0)::bigint FROM engagement_count WHERE launch = $1"
SOME_COUNTED = f"SELECT ({COUNTED}) > $2"
ALL_COUNTED = f"SELECT ({COUNTED}) >= $2"
# Nobody has to wait until the lease of the dead runs out.
FREE = "UPDATE collector_offset SET holder = NULL, until = NULL"


async def reporting(around: Surroundings) -> list[Finding]:
    """Measure a batch of each size: at most 500 us CPU; then count them with collectors that are killed."""
    site = await around.site(around.options.recipients)
    launch = await around.launch(site, state="written")
    browsers = Browsers(launch, site, around.options.recipients)
    costs: dict[int, list[Cost]] = {size: [] for size in SIZES}
    async with around.service("api", **PROXIES) as service:
        await _report(service, browsers, SIZES[0])  # warms caches
        for _ in range(around.options.turns):
            for size, found in costs.items():
                meter = Meter(around.server.pid, BATCHES, lambda: worker_run.cpu_seconds(service.pid))
                await _report(service, browsers, size)
                found.append(meter.stop())
    told = [_finding(size, found) for size, found in costs.items()]
    return [*told, await _lost(around, launch, browsers.reported)]


def _finding(size: int, costs: list[Cost]) -> Finding:
    ours, theirs = ([each[part] for each in costs] for part in range(2))
    what = f"a batch of {size} event{'s' if size > 1 else ''}"
    return Finding(what, "us CPU a batch", ours, Bound(500.0) if size < SIZES[-1] else None, theirs)


class Browsers:
    """Browsers that each report a push of a launch.

    Attributes:
        reported: How many events they have reported.
    """

    def __init__(self, launch: int, site: int, size: int) -> None:
        self._launch, self._site, self._size = launch, site, size
        self._key: Key = parse_secrets(SECRET).keys(Purpose.RECIPIENT_TOKEN).signing
        self.reported = 0

    def batches(self, size: int) -> Iterator[tuple[bytes, str]]:
        """Yield bodies and addresses, without end."""
        while True:
            at = datetime.now(UTC)
            events = [{"t": self._token(), "kind": "shown", "button": None, "at": at} for _ in range(size)]
            third, fourth = divmod(self.reported // size % 65_536, 256)
            yield msgspec.json.encode({"events": events}), f"10.9.{third}.{fourth}"

    def _token(self) -> str:
        subscriber = number_of(self._site, self._size, self.reported % self._size)
        self.reported += 1
        return recipient_token(self._key, self._launch, subscriber)


async def _report(service: CampaignsProcess, browsers: Browsers, size: int) -> None:
    """Report so many batches, a few at once."""
    batches = browsers.batches(size)
    made = iter([next(batches) for _ in range(BATCHES)])

    async def report(session: aiohttp.ClientSession) -> None:
        for body, address in made:
            headers = HEADERS | {"X-Forwarded-For": address}
            async with session.post("/v1/events", data=body, headers=headers) as answer:
                if answer.status != 204:
                    raise RuntimeError(f"a batch was answered {answer.status}")

    async with aiohttp.ClientSession(service.api) as session:
        await asyncio.gather(*(report(session) for _ in range(AT_ONCE)))


async def _lost(around: Surroundings, launch: int, reported: int) -> Finding:
    """Let collectors count what was reported, kill -9 them meanwhile, and compare."""
    for _ in range(KILLS):
        before = await around.ask(COUNTED, launch)
        async with around.service("collector") as collector:
            if before < reported:
                await around.until(SOME_COUNTED, launch, before, pause=0.005)
            await collector.kill()
        await around.ask(FREE)
    async with around.service("collector"):
        await around.until(ALL_COUNTED, launch, reported)
        await _settled(around, launch)
    lost = abs(reported - await around.ask(COUNTED, launch))
    what = f"lost or repeated of {reported:,} in {KILLS} kill -9 of the collector"
    return Finding(what, "events", [lost], Bound(0))


async def _settled(around: Surroundings, launch: int, seconds: float = 1.0) -> None:
    """Wait until nothing more has been counted for a while: a repeat would come after the last one."""
    counted, since = await around.ask(COUNTED, launch), time.perf_counter()
    while time.perf_counter() < since + seconds:
        await asyncio.sleep(seconds / 10)
        now = await around.ask(COUNTED, launch)
        if now != counted:
            counted, since = now, time.perf_counter()
