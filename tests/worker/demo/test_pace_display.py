import io
from dataclasses import replace

import pytest
from rich.console import Console

from worker.demo import pace_display
from worker.demo.pace import Picture
from worker.demo.pace_display import PaceDisplay, line, live_view

RUNNING = Picture(12.34, 0.2, 0.19, 0.25, 0.0, paused=False, curve="▄▄▃ ")
PAUSED = Picture(30.0, 0.4, 0.41, 0.25, 6.0, paused=True, curve="▄▄▄ ")
RESUMED = Picture(40.0, 0.5, 0.5, 1.5, 8.0, paused=False, curve="▄▄▄ ")


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (RUNNING, " 12.3 s: planned 20.0%, actual 19.0%, gap -1.0%, p99 0.25 s late"),
        (
            PAUSED,
            f"{line(replace(PAUSED, moved=0.0))}; paused, the plan has moved by 6.0 s",
        ),
        (
            RESUMED,
            " 40.0 s: planned 50.0%, actual 50.0%, gap +0.0%, p99 1.50 s late; the plan has moved by 8.0 s",
        ),
    ],
)
def test_a_picture_in_a_line(picture, said):
    assert line(picture) == said


def test_a_picture_in_bars_and_a_curve():
    console = Console(file=io.StringIO(), width=100)
    console.print(live_view(PAUSED, 60.0))
    planned, actual, pace, figures = (each.rstrip() for each in console.file.getvalue().splitlines())
    assert planned.startswith("planned  ━")
    assert planned.endswith("40.0%")
    assert actual.endswith("41.0%  gap +1.0%")
    assert "▄▄▄" in pace
    assert figures == " 30.0 s of 60 s; p99 0.25 s late; paused, the plan has moved by 6.0 s"


def test_elsewhere_than_on_a_terminal_a_line_now_and_then(monkeypatch):
    clock = iter([0.0, 1.0, 5.0, 6.0, 10.5])
    monkeypatch.setattr(pace_display.time, "monotonic", lambda: next(clock))
    console = Console(file=io.StringIO(), width=60)
    with PaceDisplay(console, 60.0) as display:
        for picture in (RUNNING, RUNNING, PAUSED, RESUMED):
            display.show(picture)
    assert console.file.getvalue() == f"  {line(RUNNING)}\n  {line(RESUMED)}\n"


def test_on_a_terminal_a_live_picture_that_goes_away():
    console = Console(file=io.StringIO(), width=100, force_terminal=True, force_interactive=True)
    with PaceDisplay(console, 60.0) as display:
        display.show(RUNNING)
    shown = console.file.getvalue()
    assert "▄▄▃" in shown
    assert shown.endswith("\x1b[2K")
