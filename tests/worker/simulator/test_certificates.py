import sys

import pytest

from worker.simulator.certificates import Certificates


def test_without_trustme_the_way_out_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'pushmill\[demo\]'"):
        Certificates()
