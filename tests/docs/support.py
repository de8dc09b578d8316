"""What the tests of the documentation read of a page: sections, tables, blocks, anchors and links."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = sorted(
    path
    for folder in (ROOT, DOCS, ROOT / "k8s", ROOT / "benchmarks", ROOT / "benchmarks/results")
    for path in folder.glob("*.md")
)

_FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\(([^()\s]+)\)")


class Link(NamedTuple):
    """A link from a page to a file of this repository, and to an anchor there; each may be empty."""

    page: Path
    target: str
    anchor: str

    def __str__(self) -> str:
        anchor = f"#{self.anchor}" if self.anchor else ""
        return f"{self.page.relative_to(ROOT)} to {self.target}{anchor}"

    @property
    def file(self) -> Path:
        return (self.page.parent / self.target).resolve() if self.target else self.page


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def section(path: Path, title: str) -> str:
    """What stands below a heading, up to the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*)", text(path), re.MULTILINE | re.DOTALL)
    assert found, f"{path.name} has no section {title}"
    level = len(found.group(1))
    return re.split(rf"^#{{1,{level}}} ", found.group(2), maxsplit=1, flags=re.MULTILINE)[0]


def blocks(markdown: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", markdown, re.MULTILINE | re.DOTALL)


def rows(markdown: str) -> list[list[str]]:
    """The cells of all table rows, heads included, rules left out."""
    lines = re.findall(r"^\|(.*)\|$", markdown, re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")] for line in lines if set(line) - set("|-: ")]


def names(markdown: str) -> list[str]:
    """What stands in backticks, one after the other."""
    return re.findall(r"`([^`\n]+)`", _FENCE.sub("", markdown))


def anchors(path: Path) -> set[str]:
    """The anchors of a page: its headings', as they are made on the page, and those that it sets itself."""
    written = _FENCE.sub("", text(path))
    seen: Counter[str] = Counter()
    found = set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", written))
    for heading in re.findall(r"^#+ +(.+?) *$", written, re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w -]", "", shown.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def links(path: Path) -> list[Link]:
    """The links of a page that stay within this repository, each once."""
    written = _CODE.sub("", _FENCE.sub("", text(path)))
    inside = [target for target in _LINK.findall(written) if not re.match(r"[a-z]+:", target)]
    return [Link(path, *target.partition("#")[::2]) for target in dict.fromkeys(inside)]
