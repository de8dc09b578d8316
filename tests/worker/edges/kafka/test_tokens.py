"""One token for all clients: what is handed out, and when it is fetched, over any course of events."""

import asyncio
from math import inf

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from structlog.testing import capture_logs

from tests.harness.waiting import until
from worker.edges.kafka import tokens
from worker.edges.kafka.tokens import RETRY_SECONDS, Renewal, SharedToken, Token, TokenError


class RenewalModel(RuleBasedStateMachine):
    """Renewal against a plain account of what was fetched when."""

    def __init__(self) -> None:
        super().__init__()
        self.renewal, self.now = Renewal(), 1000.0
        self.value, self.ends_at, self.count = None, -inf, 0
        self.quiet_until = -inf

    @rule(seconds=st.floats(0.01, 5000))
    def time_passes(self, seconds):
        self.now += seconds

    @precondition(lambda self: self.renewal.is_due(self.now))
    @rule(lifetime=st.floats(1, 5000), took=st.floats(0, 10))
    def a_token_is_fetched(self, lifetime, took):
        self.count += 1
        self.value, self.ends_at = f"token-{self.count}", self.now + lifetime
        self.renewal.fetched(Token(self.value, lifetime), self.now)
        assert not self.renewal.is_due(self.now + lifetime * 0.74)
        assert self.renewal.is_due(self.now + lifetime * 0.76)
        self.now += took

    @precondition(lambda self: self.renewal.is_due(self.now))
    @rule()
    def it_cannot_be_fetched(self):
        self.renewal.failed("no", self.now)
        self.quiet_until = self.now + RETRY_SECONDS
        assert self.renewal.problem == "no"

    @rule()
    def a_broker_refuses_it(self):
        self.renewal.refused(self.now)
        assert self.renewal.is_due(max(self.now + RETRY_SECONDS, self.quiet_until))

    @invariant()
    def a_token_is_used_while_it_lives_and_no_longer(self):
        assert self.renewal.usable(self.now) == (self.value if self.now < self.ends_at else None)

    @invariant()
    def there_is_always_a_next_time_before_long_after_the_end(self):
        assert self.renewal.is_due(max(self.now, self.ends_at, self.quiet_until) + RETRY_SECONDS)


RenewalModel.TestCase.settings = hypothesis_settings(max_examples=200, stateful_step_count=20)
TestRenewal = RenewalModel.TestCase


class Server:
    """Gives out tokens, or fails; counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.lifetime = 100.0
        self.problem: str | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def fetch(self) -> Token:
        self.asked += 1
        number = self.asked
        await self.open.wait()
        if self.problem:
            raise TokenError(self.problem)
        return Token(f"token-{number}", self.lifetime)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def shared(server, clock):
    return SharedToken(server.fetch, monotonic=clock)


async def test_all_clients_share_one_token(server, shared):
    assert await asyncio.gather(*(shared.token() for _ in range(5))) == ["token-1"] * 5
    assert await shared.token() == "token-1"
    assert server.asked == 1


async def test_it_is_renewed_before_it_ends(server, shared, clock):
    await shared.token()
    clock.now += 81
    assert await shared.token() == "token-2"


async def test_it_is_renewed_although_nobody_connects(server, shared, monkeypatch):
    monkeypatch.setattr(tokens, "SOONEST_SECONDS", 0.0)
    shared = SharedToken(server.fetch)
    server.lifetime = 0.05
    await shared.token()
    await until(lambda: server.asked > 2, "it is renewed, again and again")
    server.lifetime = 1000.0


async def test_a_slow_renewal_holds_nobody_up_while_the_old_token_lives(server, shared, clock, monkeypatch):
    monkeypatch.setattr(tokens, "WAIT_SECONDS", 0.01)
    await shared.token()
    clock.now += 81
    server.open.clear()
    assert await shared.token() == "token-1"
    server.open.set()
    await until(lambda: shared._renewal.usable(clock.now) == "token-2", "the renewal is over")


async def test_while_the_old_token_lives_a_failure_is_a_warning(server, shared, clock):
    await shared.token()
    server.problem = "the server is away"
    clock.now += 81
    with capture_logs() as lines:
        assert await shared.token() == "token-1"
    assert [(line["event"], line["problem"]) for line in lines] == [
        ("cannot renew the token for Kafka; trying again", "the server is away")
    ]
    clock.now += 20
    with pytest.raises(TokenError, match="the server is away"):
        await shared.token()
    server.problem = None
    clock.now += RETRY_SECONDS
    assert await shared.token() == f"token-{server.asked}"


async def test_a_failure_is_not_asked_for_again_at_once(server, shared, clock):
    server.problem = "the server is away"
    for _ in range(10):
        with pytest.raises(TokenError, match="the server is away"):
            await shared.token()
    assert server.asked == 1
    clock.now += RETRY_SECONDS
    with pytest.raises(TokenError):
        await shared.token()
    assert server.asked == 2


async def test_one_that_a_broker_refuses_is_replaced(server, shared, clock):
    await shared.token()
    shared.refused()
    assert await shared.token() == "token-1", "not within seconds: it is hardly the token's fault"
    clock.now += RETRY_SECONDS
    shared.refused()
    assert await shared.token() == f"token-{server.asked}"
    assert server.asked > 1


async def test_a_client_that_gives_up_takes_nothing_from_the_others(server, shared):
    server.open.clear()
    hasty, patient = asyncio.create_task(shared.token()), asyncio.create_task(shared.token())
    await until(lambda: server.asked == 1, "the server is asked")
    hasty.cancel()
    server.open.set()
    assert await patient == "token-1"
    assert hasty.cancelled()


def test_a_provider_outlives_an_event_loop(server, clock):
    shared = SharedToken(server.fetch, monotonic=clock)
    asyncio.run(shared.token())
    clock.now += 90
    assert asyncio.run(shared.token()) == "token-2"


def test_no_token_is_shown():
    assert "token-1" not in repr(Token("token-1", 5))
