"""Upstream with campaigns of every kind, and push services with moods, for the small world."""

from datetime import UTC, datetime
from email.utils import format_datetime
from math import inf

from tests.worker.pipeline.support import at
from tests.worker.support import (
    HOSTS,
    NOW,
    job,
    recipient,
)
from worker.push.answers import PushResponse, TransportFailure
from worker.records.control import CampaignControl, State
from worker.timing.schedule import FIRST_ATTEMPT_GRACE

TOLERANCE = 1e-5


class Campaign:
    """What upstream wants of a campaign, and its last control record."""

    def __init__(self, name):
        self.name = name
        self.state = State.RUNNING
        self.since = NOW
        self.shift = 0.0

    def turn(self, state, now):
        if self.state is State.PAUSED:
            self.shift += now - self.since
        self.state, self.since = state, now

    def control(self):
        return CampaignControl(1, self.name, self.state, datetime.fromtimestamp(self.since, UTC), self.shift)


class Promise:
    """What upstream asked for one recipient, worked out without pushmill, and what became of it."""

    def __init__(self, campaign, planned, own, ttl, not_after):
        self.campaign = campaign
        self.planned = planned
        self.own = own
        self.dues = []
        self.ttl = ttl
        self.not_after = not_after
        self.not_before = -inf
        self.answers = []
        self.outcomes = []

    def check_push(self, now, ttl_header, *, clean):
        """Whether it was right to send; a worker that was killed may have forgotten an attempt."""
        assert self.campaign.state is State.RUNNING
        if not (clean and self.dues):  # with the first attempt the due time stands
            self.dues.append(max(self.planned + self.campaign.shift, self.own))
        judged = [alive for due in self.dues if (alive := self._judge(due, now, ttl_header)) is not None]
        assert judged
        return all(judged)

    def _judge(self, due, now, ttl_header):
        grace = max(self.ttl, FIRST_ATTEMPT_GRACE)
        left = max(0.0, min(due + self.ttl, self.not_after) - now)
        if not (
            due <= now + TOLERANCE
            and now <= min(due + grace, self.not_after) + TOLERANCE
            and left - 1 - TOLERANCE <= ttl_header <= left + TOLERANCE
        ):
            return None
        life = self.ttl if self.answers else grace
        return now <= min(due + life, self.not_after) + TOLERANCE


class Upstream:
    """Makes jobs of every kind, and remembers what it asked for."""

    def __init__(self, dice):
        self.dice = dice
        self.promises = {}
        self.campaigns = [Campaign(f"camp-{number}") for number in range(8)]

    def job(self, number, now):
        dice, count = self.dice, self.dice.choice([1, 2, 10, 40])
        start, stretch = now + dice.choice([-30, 0, 0, 5, 20, 100, 800]), dice.choice([0, 0, 30, 400])
        ttl, not_after = dice.choice([0, 30, 600, 86_400]), now + dice.choice([50, 900, inf])
        first, total = dice.randrange(100), 100 + count
        said = {
            "start_at": at(start),
            "stretch_time": stretch,
            "ttl": ttl,
            "slice": {"first": first, "total": total},
        }
        if not_after < inf:
            said["not_after"] = at(not_after)
        people, campaign = [], dice.choice(self.campaigns)
        for index in range(count):
            own = dice.choice([None, None, None, now + dice.uniform(0, 100)])
            name = f"r{index}"
            planned = start + stretch * (first + index) / total
            promise = Promise(campaign, planned, own or -inf, ttl, not_after)
            self.promises[f"job-{number}", name] = promise
            fields = {"not_before": at(own)} if own else {}
            people.append(recipient(name, dice.choice(list(HOSTS)), **fields))
        said |= {"job_id": f"job-{number}", "campaign_id": campaign.name, "site_id": dice.choice("abc")}
        return job(*people, payload="", **said)


class PushServices:
    """Answer anything, after any time; now and then one of them refuses or breaks for a while."""

    def __init__(self, dice):
        self.dice = dice
        self.moods = {}

    def answer(self, service, now):
        until, mood = self.moods.get(service, (0, None))
        if now < until:
            return mood
        if self.dice.random() < 0.02:
            mood = self.dice.choice([PushResponse(429), PushResponse(503), TransportFailure.CONNECT])
            self.moods[service] = now + self.dice.choice([5, 60, 300]), mood
        kind = self.dice.random()
        if kind < 0.5:
            return PushResponse(201)
        if kind < 0.65:
            return PushResponse(self.dice.choice([404, 410, 403, 413]))
        if kind < 0.8:
            return PushResponse(self.dice.choice([429, 503]), {"retry-after": self.retry_after(now)})
        return self.dice.choice([PushResponse(500), PushResponse(429), *list(TransportFailure)[:-1]])

    def retry_after(self, now):
        seconds = self.dice.choice([0, 3, 14, 30, 100, 700])
        return (
            str(seconds)
            if self.dice.random() < 0.5
            else format_datetime(datetime.fromtimestamp(now + seconds, UTC))
        )
