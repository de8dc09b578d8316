import asyncio
from contextlib import asynccontextmanager

from structlog.testing import capture_logs

from campaigns.schedule import discarded
from campaigns.schedule.discarded import remove_what_is_discarded
from campaigns.store.database import DatabaseAwayError
from tests.harness.waiting import until


async def look(service, seen, monkeypatch) -> None:
    monkeypatch.setattr(discarded, "LOOK_SECONDS", 0.01)
    looking = asyncio.create_task(remove_what_is_discarded(service))
    await until(seen, "it has been looked often enough")
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)


async def test_as_many_as_there_are_are_deleted_and_then_it_is_looked_again(monkeypatch):
    class Deleting:
        left = [100, 30]  # noqa: RUF012 - of this one
        looked = 0

        @asynccontextmanager
        async def begin(self):
            yield self

        async def fetch(self, _statement, most):
            self.looked += 1
            return range(self.left.pop(0) if self.left else 0)

    service = Deleting()
    await look(service, lambda: service.looked >= 5, monkeypatch)
    assert service.left == []


async def test_a_database_that_is_away_is_waited_for(monkeypatch):
    class Away:
        looked = 0

        def begin(self):
            self.looked += 1
            raise DatabaseAwayError("the database cannot be used")

    away = Away()
    with capture_logs() as logs:
        await look(away, lambda: away.looked >= 3, monkeypatch)
    assert {line["event"] for line in logs} == {"cannot delete discarded campaigns; trying again later"}
