"""In a process of its own: what is frozen here would stay so for all other tests."""

import subprocess
import sys

SCRIPT = """
import gc
from worker.edges.process.garbage import collect_rarely

usual = gc.get_threshold()[0]
collect_rarely()
assert gc.isenabled()
assert gc.get_freeze_count() > 1000
assert gc.get_threshold()[0] > usual
"""


def test_what_is_there_is_left_out_and_what_comes_is_looked_at_less_often():
    subprocess.run([sys.executable, "-c", SCRIPT], check=True)
