"""The processes of a role: each is to die at a moment of its own, and is replaced by the next of the plan."""

import asyncio
import json
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL

from tests.chaos.campaigns.mortal import Arm
from tests.harness.campaigns_process import CampaignsProcess
from tests.harness.worker_process import free_port

POLL_SECONDS = 0.1


class RoleProcess(CampaignsProcess):
    """A real `pushmill campaigns run`, whose program is changed before it begins."""

    def __init__(self, environment: dict[str, str], log: Path, changed: str) -> None:
        super().__init__(environment, log)
        self._program = ("-c", f"{changed}\nfrom worker.cli import main\nmain()", "campaigns")


class Fleet:
    """Processes of one role.

    Args:
        role: Which.
        environment: Its settings; each process gets a status port of its own.
        folder: For logs.
        sizes: `chunk` and `batch`, as `arm` takes them.
        count: How many run at once.

    Attributes:
        exits: How often a process ended by itself, by its exit status.
    """

    def __init__(
        self,
        role: str,
        environment: Mapping[str, str],
        folder: Path,
        sizes: Mapping[str, int],
        count: int = 2,
    ) -> None:
        self._role, self._folder, self._sizes = role, folder, sizes
        own = {"PUSHMILL_CAMPAIGNS_ROLES": role}
        self._environment = {**environment, **own}
        self._deaths_log = folder / f"{role}-deaths.log"
        self._plan: deque[Arm] = deque()
        self._running: list[tuple[Arm | None, RoleProcess]] = []
        self._count = count
        self._changing = asyncio.Lock()
        self.exits = Counter[int]()

    @property
    def deaths(self) -> Counter[str]:
        """How many have died, by step, as they have written down themselves."""
        if not self._deaths_log.exists():
            return Counter()
        return Counter(json.loads(line)["step"] for line in self._deaths_log.read_text().splitlines())

    async def begin(self, plan: Iterable[Arm]) -> None:
        """Kill what runs, and start anew with a plan; `watch` keeps it going."""
        async with self._changing:
            await self._kill_all()
            self._plan = deque(plan)
            self._running = [await self._next() for _ in range(self._count)]

    async def watch(self) -> None:
        """Replace whoever has ended, until cancelled; one that has not died as planned has still to."""
        while True:
            async with self._changing:
                for place, (arm, process) in enumerate(self._running):
                    if process.ended:
                        self._note(arm, process)
                        self._running[place] = await self._next()
            await asyncio.sleep(POLL_SECONDS)

    async def until_dead(self, count: int, seconds: float) -> bool:
        """Wait until so many have died; return whether they have in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.deaths.total() < count:  # noqa: ASYNC110 - other processes write it down
                    await asyncio.sleep(POLL_SECONDS)
                return True
        return False

    async def close(self) -> None:
        """Kill all."""
        async with self._changing:
            await self._kill_all()

    async def _kill_all(self) -> None:
        for _, process in self._running:
            await process.kill()
        self._running = []

    def _note(self, arm: Arm | None, process: RoleProcess) -> None:
        assert process.process
        status = process.process.returncode or 0
        if status != -SIGKILL:
            self.exits[status] += 1
            self._plan.extendleft([arm] if arm else [])

    async def _next(self) -> tuple[Arm | None, RoleProcess]:
        arm = self._plan.popleft() if self._plan else None
        who, step, number = arm or Arm("nobody")
        given = (who, step, number, str(self._deaths_log))
        changed = f"from tests.chaos.campaigns.mortal import arm\narm(*{given!r}, **{dict(self._sizes)!r})"
        ports = {"PUSHMILL_CAMPAIGNS_STATUS_PORT": str(free_port())}
        process = RoleProcess({**self._environment, **ports}, self._folder / f"{self._role}.log", changed)
        await process.start(ready=False)
        return arm, process
