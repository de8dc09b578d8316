"""Which PostgreSQL tests run on."""

import pytest

from tests.harness.postgresql import CHOICE, NEWEST, OLDEST, chosen


def test_tests_take_the_newest_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv(CHOICE, raising=False)
    assert chosen() == NEWEST
    monkeypatch.setenv(CHOICE, OLDEST)
    assert chosen() == OLDEST
    monkeypatch.setenv(CHOICE, "9.6")
    with pytest.raises(ValueError, match=f"{CHOICE} is 9.6"):
        chosen()
