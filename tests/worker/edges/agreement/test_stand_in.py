import subprocess
import sys

import pytest

from worker.edges.agreement.stand_in import empty_object

PROGRAM = """
import ctypes, sys
from worker.edges.agreement import stand_in

def mapped(word):
    with open("/proc/self/maps") as maps:
        return [line.split() for line in maps if word in line]

def loaded(soname):
    try:
        return ctypes.CDLL(soname)
    except OSError:
        return None

names = "libpushmill-one.so", "libpushmill-two.so.5"
assert not any(map(loaded, names))
stand_in.provide((*names, "libm.so.6"))
one, two = map(loaded, names)
assert one._handle != two._handle
assert not hasattr(one, "cos")
assert hasattr(ctypes.CDLL("libm.so.6"), "cos")
assert len(mapped("memfd:stand-in")) == 2
stand_in.provide(names)
assert len(mapped("memfd:stand-in")) == 2
assert all("x" not in line[1] for line in mapped("[stack]") + mapped("memfd:stand-in"))
print("done")
"""


def test_the_loader_takes_them_for_what_they_are_named():
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("done\n", "")


@pytest.mark.parametrize("soname", ["a", "libintlc.so.5", "x" * 200])
def test_they_are_small(soname):
    assert len(empty_object(soname)) < 400 + len(soname)
