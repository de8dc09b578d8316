import asyncio

from worker.app import worker as app


async def test_a_task_that_loses_its_cancellation_does_not_keep_the_process_from_ending(monkeypatch):
    async def stubborn() -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if asyncio.current_task().cancelling() > 1:
                    raise

    monkeypatch.setattr(app, "CANCEL_SECONDS", 0.05)
    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await asyncio.wait_for(app._cancel(task), 5)
    assert not task.done()
    task.cancel()
