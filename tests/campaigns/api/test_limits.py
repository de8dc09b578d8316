import asyncio

import pytest
from limits import RateLimitItemPerMinute
from limits.errors import ConfigurationError
from structlog.testing import capture_logs

from campaigns.adapters.refusals import Reason, RefusedError
from campaigns.api.limits import IN_MEMORY, Left, Limiter, StorageError, _Memory

THREE = RateLimitItemPerMinute(3, namespace="test")


async def test_what_is_left_goes_down_to_nothing():
    limiter = Limiter(IN_MEMORY)
    left = [await limiter.take(THREE, "a") for _ in range(3)]
    assert [each.remaining for each in left if each] == [2, 1, 0]
    assert all(each and each.limit == 3 and 0 < each.seconds <= 60 for each in left)
    with pytest.raises(RefusedError) as caught:
        await limiter.take(THREE, "a")
    refusal = caught.value.refusal
    assert refusal.reason is Reason.TOO_MANY_REQUESTS
    assert f"try again in {refusal.headers['Retry-After']} s" in refusal.detail


async def test_each_caller_counts_alone():
    limiter = Limiter(IN_MEMORY)
    for _ in range(3):
        await limiter.take(THREE, "a", 1)
    assert await limiter.take(THREE, "a", 2) is not None


async def test_looking_costs_nothing():
    limiter = Limiter(IN_MEMORY)
    for _ in range(5):
        await limiter.check(THREE, "a")
    for _ in range(3):
        await limiter.note(THREE, "a")
    with pytest.raises(RefusedError):
        await limiter.check(THREE, "a")


class AwayError(Exception):
    pass


async def test_a_storage_that_is_away_limits_nobody(monkeypatch):
    limiter = Limiter(IN_MEMORY)

    async def incr(*_: object, **__: object) -> int:
        raise AwayError

    monkeypatch.setattr(_Memory, "incr", incr)
    monkeypatch.setattr(_Memory, "get", incr)
    monkeypatch.setattr(_Memory, "base_exceptions", AwayError)
    with capture_logs() as logs:
        taken = [await limiter.take(THREE, "a") for _ in range(5)]
        await limiter.check(THREE, "a")
        await limiter.note(THREE, "a")
    assert taken == [None] * 5
    assert [line["event"] for line in logs] == ["cannot count requests; limiting nobody"]


async def test_a_storage_that_does_not_answer_is_not_waited_for(monkeypatch):
    limiter = Limiter(IN_MEMORY)

    async def incr(*_: object, **__: object) -> int:
        await asyncio.Event().wait()
        return 0

    monkeypatch.setattr("campaigns.api.limits.ANSWER_SECONDS", 0.01)
    monkeypatch.setattr(_Memory, "incr", incr)
    with capture_logs() as logs:
        assert await limiter.take(THREE, "a") is None
    assert [line["event"] for line in logs] == ["cannot count requests; limiting nobody"]


@pytest.mark.parametrize(
    ("url", "package"),
    [("redis://:hunter2@127.0.0.1:9/0", "coredis"), ("memcached://127.0.0.1:9", "memcachio")],
)
def test_a_storage_that_needs_another_package_says_which(url, package, monkeypatch):
    def lack(_url: str) -> None:
        raise ConfigurationError("prerequisite not available")

    monkeypatch.setattr("campaigns.api.limits.storage_from_string", lack)
    with pytest.raises(StorageError) as caught:
        Limiter(url)
    assert str(caught.value) == (
        f"PUSHMILL_CAMPAIGNS_RATE_LIMIT_STORAGE needs another package: pip install {package}"
    )


def test_a_storage_whose_url_cannot_be_read_keeps_it_to_itself(monkeypatch):
    def refuse(url: str) -> None:
        raise ValueError(f"cannot parse {url}")

    monkeypatch.setattr("campaigns.api.limits.storage_from_string", refuse)
    with pytest.raises(StorageError) as caught:
        Limiter("redis://:hunter2@x:y")
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value.__cause__)


async def test_what_is_over_is_forgotten(monkeypatch):
    storage = _Memory()
    limiter = Limiter(IN_MEMORY)
    limiter._storage = limiter._windows.storage = storage
    for name in range(100):
        await limiter.note(THREE, name)
    assert len(storage.storage) == 100
    for key in storage.expirations:
        storage.expirations[key] = 0.0
    monkeypatch.setattr("campaigns.api.limits.EXPIRY_SECONDS", 0.0)
    await limiter.note(THREE, "a")
    assert len(storage.storage) == 1


async def test_callers_at_once_are_all_counted():
    limiter = Limiter(IN_MEMORY)
    taken = await asyncio.gather(*(limiter.take(THREE, "a") for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(each, Left) for each in taken) == 3
