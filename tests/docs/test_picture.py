"""The picture in README: of the demo as it is today, and complete in itself."""

import asyncio
import re
from html import unescape
from xml.etree import ElementTree as ET

import pytest
from rich.console import Group
from rich.table import Table

from docs.tools import picture
from tests.docs.support import README, links, text
from worker.demo.evidence import Delivered, Evidence, Received
from worker.demo.producer import Production
from worker.demo.report import checks
from worker.demo.stage import Options

SVG = "{http://www.w3.org/2000/svg}"
NO_EVIDENCE = Evidence(Delivered(Production([], {}, {}, []), {}), Received(), [], {}, 0.0)


def lines(svg: str) -> list[str]:
    """The text of a picture, line by line, as it is read."""
    by_place: dict[str, str] = {}
    for each in ET.fromstring(svg).iter(f"{SVG}text"):
        place = each.attrib["y"]
        by_place[place] = by_place.get(place, "") + (each.text or "").replace("\xa0", " ")
    return [line.rstrip() for line in by_place.values() if line.strip()]


def test_it_shows_the_demo_as_it_is_today():
    drawn = lines(text(picture.PICTURE))
    assert drawn[0] == picture.TITLE
    shown = [line.removeprefix("passed").strip() for line in drawn if line.startswith("passed")]
    assert shown == [check.claim for check in checks(NO_EVIDENCE)], "make picture"
    assert f"All {Options().notifications:,} recipients are accounted for." in drawn[-1], "make picture"


def test_it_loads_nothing_and_names_no_machine():
    svg = text(picture.PICTURE)
    assert re.findall(r"https?://[^\"]*", svg) == ["http://www.w3.org/2000/svg"]
    for word in ("@import", "@font-face", "<image", "<script", "localhost", "127.0.0.1", "/tmp", "/home"):
        assert word not in unescape(svg)


def test_readme_shows_it():
    assert picture.PICTURE in {link.file for link in links(README)}
    assert re.search(r"^!\[[^\]]{20,}\]\(docs/demo\.svg\)$", text(README), re.MULTILINE)


def closing_screen() -> picture.ClosingScreen:
    table = Table.grid()
    table.add_row("[green]passed[/]", " every check, and this is the longest line")
    screen = picture.ClosingScreen()
    screen.print("embedded broker at 127.0.0.1:9")
    screen.print(Group(table))
    screen.print("\nAll are accounted for.")
    return screen


def test_it_begins_with_the_closing_tables():
    assert lines(closing_screen().picture()) == [
        picture.TITLE,
        "passed every check, and this is the longest line",
        "All are accounted for.",
    ]


def test_it_is_as_wide_as_its_longest_line():
    narrow = ET.fromstring(closing_screen().picture()).attrib["viewBox"].split()[2]
    wide = ET.fromstring(text(picture.PICTURE)).attrib["viewBox"].split()[2]
    assert 0 < float(narrow) < float(wide)


def test_a_demo_that_fails_leaves_it_as_it_was(tmp_path, monkeypatch):
    async def fails(*_: object) -> bool:
        await asyncio.sleep(0)
        return False

    monkeypatch.setattr(picture, "demonstrate", fails)
    monkeypatch.setattr(picture, "PICTURE", tmp_path / "demo.svg")
    with pytest.raises(SystemExit, match="failed"):
        picture.main()
    assert not (tmp_path / "demo.svg").exists()
