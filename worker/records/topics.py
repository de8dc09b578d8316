"""Pushmill's topics: their names without the prefix, and the configuration that each should have."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Tier:
    """A topic whose records are looked at again `delay` seconds after they were written."""

    name: str
    delay: float

    @property
    def topic(self) -> str:
        """The topic's name without the prefix."""
        return f"later.{self.name}"


TIERS = (Tier("10s", 10.0), Tier("1m", 60.0), Tier("10m", 600.0), Tier("1h", 3600.0))
SHORTEST = TIERS[0]
BY_TOPIC = {tier.topic: tier for tier in TIERS}
TIER_TOPICS = tuple(tier.topic for tier in TIERS)

JOBS = "jobs"
URGENT_JOBS = "jobs.urgent"
INPUTS = (JOBS, URGENT_JOBS)
CONTROL = "control"
OUTCOMES = "outcomes"
EXPIRED = "expired"
STATS = "stats"
DEAD_LETTERS = "dead-letters"
LAUNCHES = "launches"
EVENTS = "events"

_DAY_MS = 86_400_000
_STAMPED_BY_BROKER = {"message_timestamp_type": "LogAppendTime"}


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it should be; `config` uses Kafka's names and leaves out the defaults."""

    name: str
    config: dict[str, str] = field(default_factory=dict)


def _kept(days: int, **config: str) -> dict[str, str]:
    return {"retention.ms": str(days * _DAY_MS)} | {
        name.replace("_", "."): value for name, value in config.items()
    }


# Inputs and tiers are kept no longer than the group's offsets (7 days by default). Otherwise, after an outage
# longer than that, everything would be sent again. The broker stamps both: no producer's clock may decide
# when a job is due, or when a tier's record comes out.
TOPICS = (
    *(Topic(name, _kept(7, **_STAMPED_BY_BROKER)) for name in INPUTS),
    *(Topic(name, _kept(7, **_STAMPED_BY_BROKER, max_message_bytes=str(2 << 20))) for name in TIER_TOPICS),
    Topic(CONTROL, _kept(90, cleanup_policy="compact,delete")),
    Topic(OUTCOMES, _kept(7)),
    Topic(EXPIRED, _kept(30, cleanup_policy="compact,delete")),
    Topic(STATS, _kept(7)),
    Topic(DEAD_LETTERS, _kept(7, max_message_bytes=str(2 << 20))),
)
"""What a worker needs."""

CAMPAIGN_TOPICS = (
    Topic(LAUNCHES, _kept(14, cleanup_policy="compact,delete")),
    Topic(EVENTS, _kept(7)),
)
"""What the campaign service needs besides."""

ALL_TOPICS = (*TOPICS, *CAMPAIGN_TOPICS)
