"""The stretched play: a campaign spread over time, an urgent job that overtakes it, a pause and a resume."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import islice
from math import ceil
from typing import Literal

from worker.demo.collector import Collector
from worker.demo.contract import CONTROL, CampaignControl, encode_json
from worker.demo.course import CAMPAIGN, NO_PAUSE, Course, Pause, Timetable, split, stretched, timetable
from worker.demo.drafts import Draft, draft
from worker.demo.evidence import Delivered, Received
from worker.demo.pace import Pace
from worker.demo.pace_display import COLUMNS, PaceDisplay
from worker.demo.producer import ProducerRecord, Production, address, write
from worker.demo.stage import Stage

LEAD_SECONDS = 5.0
LEAD_NOTIFICATIONS = 4_000
"""How many are certainly made and written within a second, before the campaign starts."""

URGENT_SHARE, PAUSE_SHARE = 0.2, 0.4
"""Shares of the stretch after which the urgent job is written, and the campaign paused."""

PAUSE_SECONDS = 8.0
"""Longer than the 5 s in which a pause must take effect, and short enough for the resume to be known before a
paused recipient has waited 10 s in its tier: so it waits there once, and is 2 to 4 s late at most."""


async def play(stage: Stage, collector: Collector) -> Delivered:
    """Produce, act, and wait for all outcomes, up to a limit, after which the report says what is missing."""
    total = stage.options.notifications
    deadline = asyncio.get_running_loop().time() + stage.options.limit
    production, plan, urgent = await _produce(stage)
    [overtaking] = (record for record in production.records if record.key == urgent.job["job_id"])
    queued = [record for record in production.records if record is not overtaking]
    stage.say(f"workers joined: {len(stage.workers)}; records to write: {len(queued):,}")
    director = Director(stage, plan, overtaking)
    director.written_at |= await write(stage.kafka.settings, queued)
    stage.say(f"written; the campaign starts in {plan.start - time.time():.1f} s, over {plan.stretch:g} s")
    follower = Follower(plan, collector.received)
    with PaceDisplay(stage.console, plan.stretch) as display:
        while not follower.has(total) and asyncio.get_running_loop().time() < deadline:
            await collector.poll()
            await director.act(time.time())
            follower.follow(director.pause)
            display.show(follower.pace.picture(time.time(), director.pause, COLUMNS))
    course = Course(plan, director.pause, overtaking.key)
    return Delivered(production, director.written_at, course)


async def _produce(stage: Stage) -> tuple[Production, Timetable, Draft]:
    """Make all records, once the workers have joined: they hold the start of the campaign."""
    options = stage.options
    campaign, urgent = split(await asyncio.to_thread(draft, options.notifications, options.seed))
    subscriptions = await stage.subscribe([*campaign, urgent])
    await stage.join()
    start = ceil(time.time() + LEAD_SECONDS + options.notifications / LEAD_NOTIFICATIONS)
    campaign = stretched(campaign, start, options.stretch)
    production = await asyncio.to_thread(address, [*campaign, urgent], subscriptions)
    await stage.services.script(production.scripts)
    return production, timetable(campaign, start, options.stretch), urgent


class Director:
    """Writes the urgent job, pauses the campaign and resumes it, each at its time.

    Attributes:
        pause: The campaign's pause so far.
        written_at: Timestamps of job records by job id, in seconds since the epoch.
    """

    def __init__(self, stage: Stage, plan: Timetable, overtaking: ProducerRecord) -> None:
        self.pause = NO_PAUSE
        self.written_at: dict[str, float] = {}
        self._stage = stage
        self._plan = plan
        self._overtaking = overtaking
        self._cues: deque[tuple[float, Callable[[], Awaitable[None]]]] = deque(
            [
                (plan.start + URGENT_SHARE * plan.stretch, self._overtake),
                (plan.start + PAUSE_SHARE * plan.stretch, self._pause),
            ]
        )

    async def act(self, now: float) -> None:
        """Take the next action, if it is due."""
        if self._cues and self._cues[0][0] <= now:
            _, action = self._cues.popleft()
            await action()

    async def _overtake(self) -> None:
        self._say("an urgent job is written")
        self.written_at |= await write(self._stage.kafka.settings, [self._overtaking])

    async def _pause(self) -> None:
        at = time.time()
        await self._control("paused", at, shift=0.0)
        self.pause = Pause(at=at)
        self._cues.append((at + PAUSE_SECONDS, self._resume))
        self._say("the campaign is paused")

    async def _resume(self) -> None:
        until = time.time()
        shift = until - self.pause.at
        await self._control("running", until, shift)
        self.pause = Pause(self.pause.at, until, shift)
        self._say(f"the campaign is resumed; its planned times have moved by {shift:.1f} s")

    async def _control(self, state: Literal["paused", "running"], at: float, shift: float) -> None:
        """Write what `pushmill control pause` and `resume` write."""
        control = CampaignControl(CAMPAIGN, state, datetime.fromtimestamp(at, UTC), shift)
        await write(self._stage.kafka.settings, [ProducerRecord(CONTROL, CAMPAIGN, encode_json(control))])

    def _say(self, line: str) -> None:
        self._stage.say(f"  {time.time() - self._plan.start:5.1f} s: {line}")


class Follower:
    """Follows the outcomes as they come.

    Attributes:
        pace: What they say about the campaign.
    """

    def __init__(self, plan: Timetable, received: Received) -> None:
        self.pace = Pace(plan)
        self._received = received
        self._seen = 0

    def has(self, total: int) -> bool:
        """Return whether `total` outcomes have come."""
        return len(self._received.outcomes) >= total

    def follow(self, pause: Pause) -> None:
        """Add the outcomes that have come since the last call."""
        outcomes = self._received.outcomes
        for key, outcome in islice(outcomes.items(), self._seen, None):
            self.pace.take(key, outcome.at.timestamp(), pause)
        self._seen = len(outcomes)
