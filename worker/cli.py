"""The entry point: what Ctrl-C does until the program can take it.

Imports nothing at first: Python needs most of a second for the rest, and an interrupt in that time would show
where. Knows nothing of the commands.
"""

import os
import signal
from typing import NoReturn

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it: 128 + SIGINT."""


def main() -> None:
    """Run a command."""
    usual = signal.signal(signal.SIGINT, _end_at_once)
    from worker.commands.pushmill import main as run_command  # noqa: PLC0415 - see above

    signal.signal(signal.SIGINT, usual)
    run_command()


def _end_at_once(_number: int, _frame: object) -> NoReturn:
    # Not an exception: modules that are half imported turn it into errors of their own.
    os.write(2, b"pushmill: interrupted\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
