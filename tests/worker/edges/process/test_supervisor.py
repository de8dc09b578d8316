"""The supervisor, with small processes in place of workers."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.harness.freezing import freeze, thaw
from worker.edges.process import child as child_module
from worker.edges.process.child import FIRST_DELAY, HEALTHY_SECONDS, LONGEST_DELAY, Backoff
from worker.edges.process.status import StatusServer
from worker.edges.process.supervisor import UNBEGUN, Supervisor, process_count, worker_command

ROOT = Path(__file__).parents[4]
WORKER = textwrap.dedent(
    """
    import asyncio, os, socket, sys, time
    from pathlib import Path
    from worker.edges.process.channel import ProcessEnd
    from worker.edges.process.signals import stop_on_signal

    number, folder, takes = int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    while (folder / f"held-{number}").exists():
        time.sleep(0.02)
    (folder / f"{number}.{os.getpid()}").touch()

    def render():
        return (
            "# TYPE pushmill_consumed_records_total counter\\n"
            'pushmill_consumed_records_total{topic="jobs"} 5\\n'
            "# TYPE pushmill_buffered_recipients gauge\\n"
            "pushmill_buffered_recipients 7\\n"
            "# TYPE pushmill_event_loop_lag_seconds gauge\\n"
            f"pushmill_event_loop_lag_seconds 0.{number}\\n"
        ).encode()

    async def main():
        with stop_on_signal() as stop:
            ready = lambda: "no partitions" if (folder / f"unready-{number}").exists() else None
            async with ProcessEnd(socket.socket(fileno=os.dup(0)), ready=ready, render=render):
                (folder / f"up-{number}").touch()
                await stop.wait()
                (folder / f"drained-{number}").touch()
                await asyncio.sleep(takes)
                while (folder / "busy").exists():
                    await asyncio.sleep(0.02)

    asyncio.run(main())
    """
)


class Fleet:
    """A running supervisor, and the files that its processes leave in a folder."""

    def __init__(self, supervisor: Supervisor, status: StatusServer, folder: Path) -> None:
        self.supervisor = supervisor
        self.status = status
        self.folder = folder
        self.stop = asyncio.Event()
        self.running = asyncio.create_task(supervisor.run(self.stop))

    def pids(self, number: int = 0) -> list[int]:
        return pids_in(self.folder, number)

    def alive(self, number: int = 0) -> list[int]:
        return [pid for pid in self.pids(number) if is_alive(pid)]

    async def fetch(self, path: str) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.status.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status, await answer.text()

    async def is_ready(self) -> None:
        await eventually(lambda: self.fetch("/readyz"), lambda said: said[0] == 200)

    async def sample(self, name: str) -> float:
        families = text_string_to_metric_families((await self.fetch("/metrics"))[1])
        [value] = [each.value for family in families for each in family.samples if each.name == name]
        return value


async def started(folder: Path) -> list[int]:
    return pids_in(folder, 0) + pids_in(folder, 1)


def pids_in(folder: Path, number: int) -> list[int]:
    return [int(path.suffix[1:]) for path in folder.glob(f"{number}.*")]


async def numbers_of(what: str, folder: Path) -> set[int]:
    """Return the numbers of the processes that have left such a file."""
    return {number for number in range(2) if (folder / f"{what}-{number}").exists()}


async def eventually(ask, wanted, seconds=20.0):
    async with asyncio.timeout(seconds):
        while not wanted(found := await ask()):  # noqa: ASYNC110 - other processes tell nobody
            await asyncio.sleep(0.05)
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def is_there(pid: int) -> bool:
    """Return whether a process exists, even as a zombie."""
    return Path(f"/proc/{pid}").exists()


@pytest.fixture
def hasty(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(child_module, "FIRST_DELAY", 0.05)
    monkeypatch.setattr(child_module, "ANSWER_SECONDS", 20.0)


@pytest.fixture
def fleet(tmp_path, hasty):
    @asynccontextmanager
    async def run(count=2, *, takes=0.0, stop_limit=10.0, program=WORKER):
        command = lambda number: (sys.executable, "-c", program, str(number), str(tmp_path), str(takes))  # noqa: E731
        supervisor = Supervisor(count, stop_limit=stop_limit, command=command)
        async with supervisor.status("127.0.0.1", 0) as status:
            running = Fleet(supervisor, status, tmp_path)
            try:
                yield running
            finally:
                running.stop.set()
                await running.running
        assert not [pid for number in range(count) for pid in running.pids(number) if is_there(pid)]

    return run


async def test_every_process_has_its_number_and_is_asked(fleet):
    async with fleet(3) as running:
        await running.is_ready()
        assert [len(running.alive(number)) for number in range(3)] == [1, 1, 1]
        assert await running.fetch("/healthz") == (200, "ok\n")
        assert await running.fetch("/readyz") == (200, "ready\n")


async def test_metrics_are_those_of_all_together(fleet):
    async with fleet(3) as running:
        await running.is_ready()
        assert await running.sample("pushmill_consumed_records_total") == 15
        assert await running.sample("pushmill_buffered_recipients") == 21
        assert await running.sample("pushmill_event_loop_lag_seconds") == 0.2


async def test_one_that_is_not_ready_makes_all_unready(fleet):
    async with fleet() as running:
        await running.is_ready()
        (running.folder / "unready-1").touch()
        assert await running.fetch("/readyz") == (503, "process 1: no partitions\n")
        assert (await running.fetch("/healthz"))[0] == 200


async def test_one_that_dies_is_started_again_and_its_counts_stay(fleet, monkeypatch):
    async with fleet() as running:
        await running.is_ready()
        assert await running.sample("pushmill_consumed_records_total") == 10
        [first] = running.pids()
        held = running.folder / "held-0"
        held.touch()
        monkeypatch.setattr(child_module, "ANSWER_SECONDS", 0.5)  # the next one may have started already
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: running.fetch("/readyz"), lambda said: said[0] == 503)
        monkeypatch.setattr(child_module, "ANSWER_SECONDS", 20.0)
        held.unlink()
        await running.is_ready()
        assert len(running.pids()) == 2
        assert len(running.pids(1)) == 1
        assert not is_there(first)
        assert await running.sample("pushmill_consumed_records_total") == 15
        assert await running.sample("pushmill_buffered_recipients") == 14


async def test_one_that_hangs_makes_all_unhealthy_and_its_counts_stay(fleet, monkeypatch):
    async with fleet() as running:
        await running.is_ready()
        await running.fetch("/metrics")
        [pid] = running.pids()
        freeze(pid)
        monkeypatch.setattr(child_module, "ANSWER_SECONDS", 0.5)
        assert await running.fetch("/healthz") == (503, "process 0 does not answer\n")
        assert await running.fetch("/readyz") == (503, "process 0 does not answer\n")
        assert await running.sample("pushmill_consumed_records_total") == 10
        thaw(pid)
        monkeypatch.setattr(child_module, "ANSWER_SECONDS", 20.0)
        await running.is_ready()
        assert (await running.fetch("/healthz"))[0] == 200
        assert await running.sample("pushmill_consumed_records_total") == 10


async def test_one_that_has_let_go_does_not_count_as_hung_before_its_end_is_known(fleet):
    program = WORKER + "os.closerange(0, 50)\nimport time; time.sleep(60)\n"
    async with fleet(1, program=program, stop_limit=0.1) as running:
        await running.is_ready()
        [pid] = running.pids()
        os.kill(pid, signal.SIGTERM)
        await eventually(lambda: running.fetch("/readyz"), lambda said: said[0] == 503)
        # Once its loop has ended but its end is still open, it cannot be told from one that hangs.
        await eventually(lambda: running.fetch("/healthz"), lambda said: said[0] == 200)
        assert running.alive() == [pid]


async def test_a_stop_drains_every_process_once_and_says_so_at_once(fleet):
    async with fleet() as running:
        await running.is_ready()
        busy = running.folder / "busy"
        busy.touch()
        running.stop.set()
        await eventually(lambda: running.fetch("/readyz"), lambda said: said == (503, "draining\n"))
        assert not running.running.done()
        busy.unlink()
        assert await running.running == 0
        assert await numbers_of("drained", running.folder) == {0, 1}
        assert len(running.pids()) == len(running.pids(1)) == 1


async def test_a_stop_before_anything_has_started_ends_everything(fleet):
    async with fleet(3) as running:
        running.stop.set()
        assert await running.running == 0


async def test_one_that_does_not_end_in_time_is_killed(fleet):
    async with fleet(takes=60, stop_limit=0.5) as running:
        await running.is_ready()
        running.stop.set()
        assert await asyncio.wait_for(running.running, 30) == 1


async def test_a_bad_configuration_ends_everything_with_its_status(fleet):
    program = "import sys\nif sys.argv[1] == '1': sys.exit(2)\n" + WORKER
    async with fleet(program=program) as running:
        assert await asyncio.wait_for(running.running, 30) == 2


@pytest.mark.parametrize(("status", "told"), [(1, 1), (UNBEGUN, 0), (0, 0)])
async def test_one_that_ends_by_itself_as_it_is_asked_to_has_failed_if_it_had_begun(fleet, status, told):
    program = textwrap.dedent(
        f"""
        import os, signal, sys
        from pathlib import Path
        signal.signal(signal.SIGTERM, lambda *_: os._exit({status}))
        Path(sys.argv[2], "up-" + sys.argv[1]).touch()
        signal.pause()
        """
    )
    async with fleet(program=program) as running:
        await eventually(lambda: numbers_of("up", running.folder), lambda numbers: numbers == {0, 1})
        running.stop.set()
        assert await asyncio.wait_for(running.running, 30) == told


async def test_a_process_that_cannot_be_started_is_tried_again(hasty):
    supervisor = Supervisor(1, stop_limit=1, command=lambda _: ("/nowhere/at/all",))
    stop = asyncio.Event()
    running = asyncio.create_task(supervisor.run(stop))
    await asyncio.sleep(0.3)
    assert not running.done()
    assert await supervisor.reason_unhealthy() is None
    assert await supervisor.reason_unready() == "process 0 does not answer"
    stop.set()
    assert await running == 0


@pytest.mark.parametrize("signals", [[signal.SIGKILL], [signal.SIGTERM, signal.SIGTERM]])
async def test_no_process_outlives_its_supervisor(tmp_path, hasty, signals):
    program = textwrap.dedent(
        """
        import asyncio, sys
        from worker.edges.process.signals import stop_on_signal
        from worker.edges.process.supervisor import Supervisor

        def command(number):
            return (sys.executable, "-c", sys.argv[1], str(number), sys.argv[2], sys.argv[3])

        async def main():
            with stop_on_signal() as stop:
                await Supervisor(2, stop_limit=60, command=command).run(stop)

        asyncio.run(main())
        """
    )
    takes = "0.2" if signals == [signal.SIGKILL] else "60"
    arguments = (sys.executable, "-c", program, WORKER, str(tmp_path), takes)
    parent = await asyncio.create_subprocess_exec(*arguments)
    try:
        await eventually(lambda: numbers_of("up", tmp_path), lambda numbers: numbers == {0, 1})
        for number in signals:
            parent.send_signal(number)
            await eventually(lambda: numbers_of("drained", tmp_path), lambda numbers: numbers == {0, 1})
        await asyncio.wait_for(parent.wait(), 20)
        await eventually(lambda: started(tmp_path), lambda pids: not any(map(is_alive, pids)))
    finally:
        for pid in filter(is_alive, await started(tmp_path)):
            os.kill(pid, signal.SIGKILL)


def test_the_wait_before_a_start_doubles_to_a_limit_and_begins_again_after_a_minute_of_health():
    backoff = Backoff()
    waits = [backoff.after(0.1) for _ in range(7)]
    assert waits == [FIRST_DELAY * 2**n for n in range(5)] + [LONGEST_DELAY] * 2
    assert backoff.after(HEALTHY_SECONDS) == FIRST_DELAY
    assert backoff.after(HEALTHY_SECONDS - 1) == 2 * FIRST_DELAY


def test_auto_is_one_process_for_each_core_that_may_be_used():
    assert process_count(3) == 3
    code = "from worker.edges.process.supervisor import process_count as p; print(p('auto'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        preexec_fn=lambda: os.sched_setaffinity(0, {next(iter(os.sched_getaffinity(0)))}),
        stdout=subprocess.PIPE,
        check=True,
    )
    assert done.stdout == b"1\n"


def test_a_worker_process_is_told_its_number():
    assert list(worker_command(4))[-2:] == ["--process", "4"]
