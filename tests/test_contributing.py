"""CONTRIBUTING.md and SECURITY.md name commands that there are; test_citations.py looks for their paths."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = {name: (ROOT / name).read_text() for name in ("CONTRIBUTING.md", "SECURITY.md")}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
NO_SUITES = {"help", "setup", "setup-bench", "picture", "fetch-kafka", "format", "clean"}


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_that_is_named_exists(page):
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", PAGES[page], re.MULTILINE)) <= TARGETS


def test_contributing_explains_every_suite():
    rows = set(re.findall(r"^\| `make ([a-z-]+)`", PAGES["CONTRIBUTING.md"], re.MULTILINE))
    assert rows == TARGETS - NO_SUITES
