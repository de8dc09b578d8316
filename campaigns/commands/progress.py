"""How far a command has come that may take long: a bar on a terminal, else a line once in a while."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from worker.commands import complain
from worker.edges import clock
from worker.logs import LogThrottle

LINE_SECONDS = 10.0
"""Between two lines where there is no terminal."""

Tell = Callable[[int, str], None]
"""Is told how much of the total is done, and that in words."""


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Tell]:
    """Show on standard error how far something has come.

    Args:
        what: What is done.
        total: How much there is of it; None if nobody knows.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(what)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done, words: bar.update(task, completed=done, description=f"{what}: {words}")


def _lines(what: str) -> Tell:
    throttle = LogThrottle(LINE_SECONDS)
    if LINE_SECONDS:
        throttle.allow(what, clock.monotonic())  # what is soon over needs none

    def tell(_done: int, words: str) -> None:
        if throttle.allow(what, clock.monotonic()) is not None:
            complain(f"{what}: {words}")

    return tell
