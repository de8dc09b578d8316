"""Shows the progress of a stretched campaign: a live picture on a terminal, otherwise plain lines."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from worker.demo.pace import Picture

COLUMNS = 50
LINE_SECONDS = 5.0


class PaceDisplay:
    """Shows planned against actual pace; `seconds` is the campaign's stretch."""

    def __init__(self, console: Console, seconds: float) -> None:
        self._console = console
        self._seconds = seconds
        self._printed_at = time.monotonic()
        self._live = Live(console=console, transient=True, refresh_per_second=4)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, picture: Picture) -> None:
        """Show the state of the campaign."""
        now = time.monotonic()
        if self._live.is_started:
            self._live.update(live_view(picture, self._seconds))
        elif now - self._printed_at >= LINE_SECONDS:
            self._printed_at = now
            self._console.print(f"  {line(picture)}", highlight=False, soft_wrap=True)


def line(picture: Picture) -> str:
    """Format a picture as one line."""
    shares = f"planned {picture.planned:5.1%}, actual {picture.actual:5.1%}, gap {picture.gap:+.1%}"
    return f"{_clock(picture)}: {shares}, p99 {picture.late:.2f} s late{_state(picture)}"


def live_view(picture: Picture, seconds: float) -> RenderableType:
    """Draw a picture as two bars and a curve."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_row("planned", _bar(picture.planned), f"{picture.planned:6.1%}")
    table.add_row("actual", _bar(picture.actual), f"{picture.actual:6.1%}  gap {picture.gap:+.1%}")
    table.add_row("pace", Text(picture.curve, "cyan"), "half height is the planned pace")
    figures = f"{_clock(picture)} of {seconds:g} s; p99 {picture.late:.2f} s late"
    return Group(table, Text(figures + _state(picture), "yellow" if picture.paused else ""))


def _bar(share: float) -> ProgressBar:
    return ProgressBar(total=1.0, completed=share, width=COLUMNS)


def _clock(picture: Picture) -> str:
    return f"{picture.elapsed:5.1f} s"


def _state(picture: Picture) -> str:
    if not picture.moved:
        return ""
    return f"; {'paused, ' if picture.paused else ''}the plan has moved by {picture.moved:.1f} s"
