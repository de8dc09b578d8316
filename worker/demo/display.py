"""Shows the demo's progress: a bar on a terminal, otherwise a plain line every 2 seconds."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from worker.demo.evidence import Received

LINE_SECONDS = 2.0


class Display:
    """Live progress by the outcomes that have come."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._began = time.monotonic()
        self._printed_at = self._began
        self._task: TaskID | None = None
        self._bar = Progress(
            BarColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar.start()
            self._task = self._bar.add_task("", total=self._total)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, received: Received) -> None:
        """Show the progress so far."""
        now = time.monotonic()
        done = len(received.outcomes)
        line = f"{done:,} of {self._total:,} outcomes, {done / (now - self._began):,.0f} a second"
        if self._task is not None:
            self._bar.update(self._task, completed=done, description=line)
        elif now - self._printed_at >= LINE_SECONDS:
            self._printed_at = now
            self._console.print(f"  {line}", highlight=False)
