import asyncio
import sys

import pytest

from worker.demo.processes import TAIL_LINES, DemoProcess, ProcessDiedError, while_alive

SLEEP = "import time; print('ready', flush=True); time.sleep(600)"
DIE = "import sys; print('the reason', file=sys.stderr); sys.exit(3)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"


@pytest.fixture
def child(tmp_path):
    def made(code):
        return DemoProcess("the child", [sys.executable, "-c", code], {}, tmp_path / "child.log")

    return made


async def test_it_is_killed_at_the_end(child):
    async with child(SLEEP) as running:
        assert await running.line() == b"ready\n"
    assert await running.ended() == -9


async def test_it_ends_when_it_is_asked_to(child):
    async with child(SLEEP) as running:
        await running.line()
        assert await running.stop(10) == -15


async def test_it_is_killed_if_it_does_not(child):
    async with child(STUBBORN) as running:
        await running.line()
        assert await running.stop(0.1) == -9


async def test_stopping_what_has_ended_gives_its_status(child):
    async with child(DIE) as running:
        assert await running.ended() == 3
        assert await running.stop(10) == 3


async def test_work_goes_on_while_it_lives(child):
    async with child(SLEEP) as running:
        assert await while_alive([running], asyncio.sleep(0, "done")) == "done"


async def test_its_death_ends_the_work_and_tells_why(child):
    async with child(DIE) as running:
        with pytest.raises(
            ProcessDiedError, match=r"the child exited unexpectedly with status 3[^$]*the reason"
        ):
            await while_alive([running], asyncio.sleep(600))


async def test_what_fails_in_the_work_is_raised(child):
    async def fail():
        raise ZeroDivisionError

    async with child(SLEEP) as running:
        with pytest.raises(ZeroDivisionError):
            await while_alive([running], fail())


async def test_the_tail_is_the_end_of_a_long_log(child):
    code = "import sys\nfor n in range(100_000): print(n, file=sys.stderr)"
    async with child(code) as running:
        await running.ended()
        lines = running.tail().splitlines()
    assert (len(lines), lines[-1]) == (TAIL_LINES, "99999")
