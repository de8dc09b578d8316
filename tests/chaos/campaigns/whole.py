"""`python -m tests.chaos.campaigns.whole`: the campaign service in one piece, while all of it is killed.

Subscribers are imported, a campaign goes to all of them and two to fifty each, then small sends go out; by
real roles, over Apache Kafka and a PostgreSQL that keeps what it was told to keep, by a real worker to a
simulated push service. Launchers, relays and collectors kill themselves with SIGKILL at steps of their own;
Kafka and PostgreSQL are killed and started again, once in each half. At the end every recipient must stand in
exactly one job, due times must be even, and statistics say what the push service answered.

python -m tests.chaos.campaigns.whole --recipients 5000 --kills 6 --sends 60 --relays 6   # small
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from campaigns.model.ids import Kind, read_launch, spell
from campaigns.operations.sending import URGENT_MAX
from tests.chaos.campaigns.findings import Findings
from tests.chaos.campaigns.fleet import Fleet
from tests.chaos.campaigns.plans import (
    BATCH_ROWS,
    STRETCH_LEAST,
    Options,
    collector_plan,
    launcher_plan,
    relay_plan,
)
from tests.chaos.campaigns.push_service import ALL_KEYS, FIFTY, GONE, ONE_KEY
from tests.chaos.campaigns.reckoning import LaunchJobs, Wanted
from tests.chaos.campaigns.stage import SHOP, Stage, import_all, staged
from tests.chaos.campaigns.verdict import committed, committed_jobs, ends_of
from tests.harness.kafka.apache import ApacheKafka
from tests.harness.waiting import until_told
from worker.records.outcome import OutcomeBatch
from worker.records.topics import JOBS, OUTCOMES, URGENT_JOBS

SOON = timedelta(seconds=4)
CONTENT = {"title": "Hello", "url": f"{SHOP}/"}
SEND_SIZES = (1, 11, 2, 20, 5, 30, 10, 50)
"""Recipients of small sends, in turns: half of them are urgent."""

SENDS_AT_ONCE = 8
DEATH_SECONDS = 60.0
"""How long a half waits for one more death before it goes on without."""

FAR = """
SELECT count(*) AS launches, coalesce(sum(written), 0)::bigint AS written,
    (SELECT coalesce(sum(count), 0)::bigint FROM launch_count) AS counted,
    count(*) FILTER (WHERE state <> 'done') AS undone
FROM launch
"""
BEGINS = "SELECT extract(epoch FROM start_at)::float8 FROM launch WHERE id = $1"
NEXT = "SELECT partition, next FROM collector_offset WHERE topic = $1"

assert max(SEND_SIZES) <= FIFTY
Say = Callable[[str], object]


class WholeRun:
    """One run, from nobody to its findings."""

    def __init__(self, options: Options, folder: Path, say: Say = len) -> None:
        self._options, self._folder, self._say = options, folder, say
        self._findings = Findings()
        self._dice = Random(options.seed)

    async def run(self, kafka: ApacheKafka) -> Findings:
        """Run it on a Kafka that nobody else uses."""
        began, options = time.monotonic(), self._options
        async with staged(kafka, self._folder, options.recipients, options.keys) as stage:
            self._tell(began, f"{await import_all(stage, self._say):,} imported")
            await stage.start_worker()
            async with self._fleets(stage) as (launchers, collectors):
                await collectors.begin(collector_plan(options, 0))
                await self._campaigns(stage, launchers)
                self._tell(began, "campaigns are done")
                if options.sends:
                    await collectors.begin(collector_plan(options, 1))
                    await self._sends(stage, launchers)
                    self._tell(began, "small sends are done")
                await self._until_all_is_read(stage)
                await self._reckon(stage)
                for role, fleet in (("launcher", launchers), ("collector", collectors)):
                    self._findings.deaths[role] = dict(fleet.deaths)
                    self._findings.exits |= {role: dict(fleet.exits)} if fleet.exits else {}
            planned = launcher_plan(options) + (relay_plan(options) if options.sends else [])
            self._findings.judge_deaths(planned)
        self._findings.seconds = time.monotonic() - began
        return self._findings

    @asynccontextmanager
    async def _fleets(self, stage: Stage) -> AsyncIterator[tuple[Fleet, Fleet]]:
        sizes = {"chunk": self._options.chunk, "batch": BATCH_ROWS}
        fleets = [Fleet(role, stage.environment, self._folder, sizes) for role in ("launcher", "collector")]
        watching = [asyncio.create_task(each.watch()) for each in fleets]
        watching.append(asyncio.create_task(stage.watch_worker(self._findings.note_worker)))
        try:
            yield fleets[0], fleets[1]
        finally:
            for each in watching:
                each.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            for fleet in fleets:
                await fleet.close()

    def _tell(self, began: float, what: str) -> None:
        self._say(f"{time.monotonic() - began:5.0f} s  {what}")

    # ── campaigns ───────────────────────────────────────────────────────────────────────────────────────────

    async def _campaigns(self, stage: Stage, launchers: Fleet) -> None:
        """Launch all campaigns, kill launchers while they are written, and wait until they are done."""
        plan, before = launcher_plan(self._options), launchers.deaths.total()
        await launchers.begin(plan)
        await self._launch(stage, "all", {"all": True}, "true", self._options.stretch_time)
        for tag in (ONE_KEY, ALL_KEYS)[: self._options.keys]:
            await self._launch(stage, tag, {"tags": [tag]}, f"tags @> '{{{tag}}}'", STRETCH_LEAST)
        await self._break(stage, launchers, len(plan), before)
        await self._until_done(stage)

    async def _launch(
        self, stage: Stage, name: str, target: dict[str, Any], condition: str, stretch: float
    ) -> None:
        """Let the scheduler launch a campaign soon; its pushes are told by their topic."""
        start = datetime.now(UTC) + SOON
        asked = {"name": name, "content": CONTENT, "target": target, "topic": name, "ttl": 3600}
        when = {"start_at": start.isoformat(), "stretch_time": stretch}
        made = await stage.api.post(f"/v1/sites/{stage.site}/campaigns", asked | when)
        path = f"/v1/campaigns/{made['id']}"
        await stage.api.post(f"{path}/launch")
        launches: list[str] = []

        async def is_launched() -> bool:
            launches[:] = (await stage.api.get(path))["launches"]
            return bool(launches)

        await until_told(is_launched, f"the scheduler launches {name}", DEATH_SECONDS)
        number = read_launch(launches[0])
        assert number
        everybody = {*await stage.subscribers(condition)}
        begins = await stage.value(BEGINS, number.number)
        self._findings.wanted[launches[0]] = Wanted(name, everybody, begins, stretch)

    # ── small sends ─────────────────────────────────────────────────────────────────────────────────────────

    async def _sends(self, stage: Stage, launchers: Fleet) -> None:
        """Make small sends, a part of them before each death of a relay, and wait until they are done."""
        plan, before = relay_plan(self._options), launchers.deaths.total()
        await launchers.begin(plan)
        everybody = await stage.subscribers(f"NOT tags @> '{{{GONE}}}'")
        breaking = asyncio.create_task(self._break(stage, launchers, len(plan), before))
        parts = max(len(plan), 1)
        for part in range(parts):
            numbers = range(self._options.sends * part // parts, self._options.sends * (part + 1) // parts)
            await self._make(stage, everybody, list(numbers))
            await launchers.until_dead(min(before + part, before + len(plan)), DEATH_SECONDS)
        await breaking
        await self._until_done(stage)

    async def _make(self, stage: Stage, everybody: list[int], numbers: list[int]) -> None:
        chosen = {
            number: self._dice.sample(everybody, SEND_SIZES[number % len(SEND_SIZES)]) for number in numbers
        }
        turns = asyncio.Semaphore(SENDS_AT_ONCE)

        async def make(number: int) -> None:
            name, members = f"send-{number}", chosen[number]
            ids = [spell(Kind.SUBSCRIBER, each) for each in members]
            asked = {"content": CONTENT, "target": {"subscribers": ids}, "topic": name, "ttl": 3600}
            async with turns:
                made = await stage.api.post(f"/v1/sites/{stage.site}/send", asked)
            is_urgent = len(members) <= URGENT_MAX
            self._findings.wanted[made["launch"]] = Wanted(name, {*members}, is_urgent=is_urgent)

        await asyncio.gather(*map(make, numbers))

    # ── trouble, and the end of it ──────────────────────────────────────────────────────────────────────────

    async def _break(self, stage: Stage, launchers: Fleet, deaths: int, before: int) -> None:
        """Wait for deaths, and kill Kafka after a third of them and PostgreSQL after two."""
        kills = ((self._options.kafka, stage.kill_kafka), (self._options.postgresql, stage.kill_postgres))
        for third, (wanted, kill) in enumerate(kills, 1):
            await self._until_dead(launchers, before + deaths * third // 3)
            if wanted:
                await kill()
                self._say(f"  {kill.__name__} after {launchers.deaths.total() - before} deaths")
        await self._until_dead(launchers, before + deaths)

    async def _until_dead(self, launchers: Fleet, count: int) -> None:
        """Wait for deaths as long as they go on."""
        while (so_far := launchers.deaths.total()) < count:
            if not await launchers.until_dead(so_far + 1, DEATH_SECONDS):
                return

    async def _until_done(self, stage: Stage) -> None:
        """Wait until all launches are done."""
        told_at = time.monotonic()

        async def is_done() -> bool:
            nonlocal told_at
            [far] = await stage.ask(FAR)
            if time.monotonic() > told_at + 10:
                told_at = time.monotonic()
                self._say(f"  {far['written']:,} written, {far['counted']:,} counted, {far['undone']} undone")
            return not far["undone"]

        await self._until(is_done, "all launches are done")

    async def _until_all_is_read(self, stage: Stage) -> None:
        """Wait until collectors have read every outcome, repeats too."""

        async def is_read() -> bool:
            ends = await ends_of(stage.settings, OUTCOMES)
            rows = await stage.ask(NEXT, stage.settings.topic_prefix + OUTCOMES)
            return {row["partition"]: row["next"] for row in rows} == ends

        await self._until(is_read, "every outcome is read")

    async def _until(self, ask: Callable[[], Awaitable[bool]], what: str) -> None:
        """Wait until something is so; if it does not come to that, that is a finding."""
        try:
            await until_told(ask, what, self._options.limit)
        except AssertionError as error:
            self._findings.missing.append(str(error))

    async def _reckon(self, stage: Stage) -> None:
        """Compare jobs, statistics and pushes."""
        jobs: defaultdict[str, LaunchJobs] = defaultdict(LaunchJobs)
        for topic in (JOBS, URGENT_JOBS):
            async for job in committed_jobs(stage.settings, topic):
                jobs[job.campaign_id].add(job)
        self._findings.retried = await _tried_again(stage)
        counts = await stage.push_service.ask("counts")
        self._findings.totals = await stage.push_service.ask("totals")
        for launch, wanted in self._findings.wanted.items():
            said = await stage.api.get(f"/v1/launches/{launch}/statistics")
            self._findings.reckoning.judge(wanted, jobs[launch], said, counts.get(wanted.name, {}))
        if foreign := jobs.keys() - self._findings.wanted.keys():
            self._findings.missing.append(f"{len(foreign)} launches that nobody asked for")


async def _tried_again(stage: Stage) -> int:
    """Count outcomes after more than one attempt: the push service may have got what it never answered."""
    decode = msgspec.json.Decoder(OutcomeBatch).decode
    return sum(
        [
            sum(each.attempts > 1 for each in decode(value).outcomes)
            async for value in committed(stage.settings, OUTCOMES)
        ]
    )


def parsed(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos.campaigns.whole",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    usual = Options()
    parser.add_argument("--recipients", type=int, default=usual.recipients)
    parser.add_argument("--keys", type=int, default=usual.keys, help="VAPID keys: variants of records")
    parser.add_argument("--kills", type=int, default=usual.kills, help="kill -9 of launchers")
    parser.add_argument("--collectors", type=int, default=usual.collectors, help="kill -9 of collectors")
    parser.add_argument("--sends", type=int, default=usual.sends, help="small sends, half of them urgent")
    parser.add_argument("--relays", type=int, default=usual.relays, help="kill -9 of relays")
    parser.add_argument("--stretch", type=float, default=usual.stretch, help="seconds of the campaign")
    parser.add_argument("--seed", type=int, default=usual.seed)
    for name in ("kafka", "postgresql"):
        parser.add_argument(f"--no-{name}", dest=name, action="store_false", help=f"leave {name} alone")
    return Options(**vars(parser.parse_args(arguments)))


def run_whole(options: Options, say: Say) -> bool:
    """Run it on an Apache Kafka of its own; return whether everything was right."""
    folder = Path(tempfile.mkdtemp(prefix="pushmill-chaos-"))
    say(f"seed {options.seed}; logs are in {folder}")

    async def run() -> Findings:
        async with ApacheKafka(folder / "kafka") as kafka:
            return await WholeRun(options, folder, say).run(kafka)

    findings = asyncio.run(run())
    say(findings.table())
    problems = findings.problems()
    for problem in problems:
        say(f"BROKEN: {problem}")
    if not problems:
        shutil.rmtree(folder, ignore_errors=True)
    return not problems


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(0 if run_whole(parsed(sys.argv[1:]), _say) else 1)
