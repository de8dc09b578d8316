import asyncio
import time

import pytest

from campaigns.api.holding import Holding

LONG = 600.0


async def test_an_answer_is_held_back_for_so_long():
    began = time.monotonic()
    await Holding(seconds=0.05).hold()
    assert time.monotonic() >= began + 0.05


async def test_no_more_are_held_than_there_is_room_for():
    holding = Holding(seconds=LONG, most=2)
    held = [asyncio.create_task(holding.hold()) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.wait_for(holding.hold(), 60)
    assert not any(each.done() for each in held)
    for each in held:
        each.cancel()
    await asyncio.gather(*held, return_exceptions=True)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(holding.hold(), 0.01)  # there is room again


async def test_at_the_end_all_are_let_go_and_none_is_held():
    holding = Holding(seconds=LONG)
    held = asyncio.create_task(holding.hold())
    await asyncio.sleep(0)
    holding.end()
    await asyncio.wait_for(held, 60)
    await asyncio.wait_for(holding.hold(), 60)
