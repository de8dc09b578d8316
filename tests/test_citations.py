"""Every citation in the code, and every link in a page, leads to something that is there.

A citation is one of these:

    decision 7                  a heading of ARCHITECTURE.md, of which the text before a colon is enough
    PAGE.md: Heading            ends with the line, or at any punctuation
    PAGE.md, "A longer heading"
    § Heading                   in Python files, of the one page that the module's docstring names

A page is looked for beside the file that cites it, and in each folder above that.
"""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
ARCHITECTURE = "ARCHITECTURE.md"
SUFFIXES = {".py", ".md", ".yaml", ".yml", ".toml"}

PAGE = r"(?<![\w/.-])(?P<page>(?:[\w-]+/)*[\w-]+\.md)"
HEADING = r"(?P<heading>[^\W_][\w '-]*)"
CITATIONS = (re.compile(PAGE + ": " + HEADING), re.compile(PAGE + r', "(?P<heading>[^"\n]+)"'))
DECISION = re.compile(r"\b(?P<heading>[Dd]ecision \d+)\b")
SECTION = re.compile("§ " + HEADING)

# How the code cited pages that were never in the repository.
GONE = re.compile(r"\bCONTRACT(?:: [A-Z]\w*|\.md\b)|\bDESIGN\b|# facts\b|\"facts\"")

CODE_SPAN_WITH_PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*)`")
INLINE_LINK = re.compile(r"\]\((?P<target>[^)\s]+)(?: \"[^\"]*\")?\)")
LINK_DEFINITION = re.compile(r"^\[[^\]]+\]: +(?P<target>\S+)", re.MULTILINE)
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//")


class Citation(NamedTuple):
    """`page` is as written; None for `§` where the docstring does not name exactly one."""

    page: str | None
    heading: str


# ── Markdown, as GitHub shows it ────────────────────────────────────────────────────────────────────────────


def without_fences(markdown: str) -> str:
    return re.sub(r"^ *(```+|~~~+).*?^ *\1[`~]* *$", "", markdown, flags=re.MULTILINE | re.DOTALL)


def prose(markdown: str) -> str:
    """A page without its code, fenced or in a line."""
    return re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "``", without_fences(markdown))


def headings(markdown: str) -> list[str]:
    """The texts of a page's headings (`# …`), without links; those in fenced code are none."""
    found = re.findall(r"^ {0,3}#{1,6} +(.+?)(?: +#+)? *$", without_fences(markdown), re.MULTILINE)
    return [re.sub(r"!?\[([^\]]*)\]\([^)]*\)|<[^>]+>", r"\1", heading) for heading in found]


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading: lower case, no punctuation, a hyphen for each space."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(markdown: str) -> set[str]:
    """All anchors of a page; the second of two equal headings gets `-1`, the third `-2`."""
    found = set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", markdown))
    times: dict[str, int] = {}
    for heading in headings(markdown):
        base = slug(heading)
        number = times[base] = times.get(base, -1) + 1
        found.add(f"{base}-{number}" if number else base)
    return found


def citable(markdown: str) -> set[str]:
    """What a citation may name: a whole heading, or what stands before its colon."""
    return {slug(part) for heading in headings(markdown) for part in (heading, heading.partition(":")[0])}


def links(markdown: str) -> Iterator[str]:
    """Where a page's links and pictures lead, but for those that leave the repository."""
    text = prose(markdown)
    for pattern in (INLINE_LINK, LINK_DEFINITION):
        for match in pattern.finditer(text):
            if not ELSEWHERE.match(match["target"]):
                yield match["target"]


# ── citations ───────────────────────────────────────────────────────────────────────────────────────────────


def citations(text: str, *, python: bool) -> Iterator[Citation]:
    for pattern in CITATIONS:
        yield from (Citation(match["page"], match["heading"].strip()) for match in pattern.finditer(text))
    yield from (Citation(ARCHITECTURE, match["heading"]) for match in DECISION.finditer(text))
    sections = [match["heading"].strip() for match in SECTION.finditer(text)] if python else []
    if sections:
        named = {match["page"] for match in re.finditer(PAGE, ast.get_docstring(ast.parse(text)) or "")}
        page = named.pop() if len(named) == 1 else None
        yield from (Citation(page, heading) for heading in sections)


def page_near(path: Path, page: str, root: Path) -> Path | None:
    folders = [folder for folder in path.parents if folder.is_relative_to(root)]
    return next((folder / page for folder in folders if (folder / page).is_file()), None)


def problems(path: Path, root: Path) -> Iterator[str]:
    """What is wrong with the citations and links of one file."""
    text = path.read_text(encoding="utf-8")
    for match in GONE.finditer(text):
        yield f"cites what is not here: {match[0]}"
    for page, heading in citations(text, python=path.suffix == ".py"):
        if page is None:
            yield f"§ {heading}: the module's docstring must name one page"
        elif (target := page_near(path, page, root)) is None:
            yield f"{page}: {heading}: no such page"
        elif slug(heading) not in citable(target.read_text(encoding="utf-8")):
            yield f"{page}: {heading}: no such heading"
    if path.suffix == ".md":
        yield from broken_links(path, text)


def broken_links(path: Path, markdown: str) -> Iterator[str]:
    for link in links(markdown):
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        if not target.exists():
            yield f"{link}: no such file"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text(encoding="utf-8")):
            yield f"{link}: no such heading"


def files(root: Path) -> Iterator[Path]:
    """Every file that is looked at; hidden folders, environments and what was built are none of ours."""
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if not name.startswith(".") and name != "build"]
        if "pyvenv.cfg" in names:
            below.clear()
            continue
        yield from (Path(folder, name) for name in names if Path(name).suffix in SUFFIXES)


FILES = [path for path in files(ROOT) if path != Path(__file__)]  # what is wrong on purpose stands here


# ── the repository ──────────────────────────────────────────────────────────────────────────────────────────


def test_every_citation_and_every_link_leads_somewhere():
    found = [f"{path.relative_to(ROOT)}: {problem}" for path in FILES for problem in problems(path, ROOT)]
    assert found == []


def test_the_citations_of_the_code_are_seen():
    seen = [
        citation
        for path in FILES
        if path.suffix == ".py"
        for citation in citations(path.read_text(encoding="utf-8"), python=True)
    ]
    assert {(ARCHITECTURE, "decision 7"), (ARCHITECTURE, "decision 10"), (ARCHITECTURE, "SendJob")} <= {*seen}
    pages = [page for page, _ in seen]
    assert pages.count("docs/push-services.md") > 30


def test_the_decisions_are_numbered_without_a_gap():
    page = (ROOT / ARCHITECTURE).read_text(encoding="utf-8")
    told = re.findall(r"^### Decision (\d+): ", page, re.MULTILINE)
    assert [int(number) for number in told] == list(range(1, len(told) + 1))
    assert len(told) >= 10


@pytest.mark.parametrize("page", [ARCHITECTURE, "CONTRIBUTING.md", "SECURITY.md", "docs/push-services.md"])
def test_every_path_that_a_page_about_the_code_names_is_there(page):
    told = set(CODE_SPAN_WITH_PATH.findall((ROOT / page).read_text(encoding="utf-8")))
    paths = {path for path in told if (ROOT / path.partition("/")[0]).is_dir()}
    assert "worker/push/answers.py" in paths
    assert sorted(path for path in paths if not (ROOT / path).exists()) == []


# ── the check itself ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Sizing", "sizing"),
        ("A push service's incident", "a-push-services-incident"),
        ("Decision 7: The only commit, and a lease", "decision-7-the-only-commit-and-a-lease"),
        ("`GET /readyz` & more", "get-readyz--more"),
        ("Über 2.0 / später", "über-20--später"),
        ("snake_case and kebab-case", "snake_case-and-kebab-case"),
        ("**Bold**, (bracketed)", "bold-bracketed"),
    ],
)
def test_an_anchor_is_made_as_github_makes_it(heading, anchor):
    assert slug(heading) == anchor


def test_headings_are_those_that_are_shown():
    code = "```\n# a comment\n```\n~~~~ sh\n# another\n~~~~"
    assert headings(f"# One #\n\n{code}\n## [Two](x.md)\n####### seven\n#none\nno # three") == ["One", "Two"]


def test_equal_headings_have_anchors_of_their_own():
    assert anchors('# A b\n## A b\n### A b\n<a id="old"></a>') == {"a-b", "a-b-1", "a-b-2", "old"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# see docs/a.md: FCM", [("docs/a.md", "FCM")]),
        ('"""A job; ARCHITECTURE.md: SendJob."""', [("ARCHITECTURE.md", "SendJob")]),
        ("(docs/a.md: Two words), and more", [("docs/a.md", "Two words")]),
        ("k8s/RUNBOOK.md: What's up; docs/b.md: C", [("k8s/RUNBOOK.md", "What's up"), ("docs/b.md", "C")]),
        ('# README.md, "By hand, or not".', [("README.md", "By hand, or not")]),
        ("sends nothing (decision 7).", [(ARCHITECTURE, "decision 7")]),
        ("Decision 10 says so", [(ARCHITECTURE, "Decision 10")]),
        ("results.md is written", []),
        ("https://example.com/docs/README.md: there", []),
        ("indecision 7, decisions, decision7", []),
    ],
)
def test_every_kind_of_citation_is_seen(text, found):
    assert list(citations(text, python=False)) == found


@pytest.mark.parametrize(
    ("docstring", "page"),
    [
        ("Rows; `§` is a section of docs/a.md.", "docs/a.md"),
        ("Rows.", None),
        ("Rows of docs/a.md or docs/b.md.", None),
    ],
)
def test_a_section_is_of_the_page_that_the_docstring_names(docstring, page):
    module = f'"""{docstring}"""\nx = 1  # § FCM; text open\ny = 2  # § All: more\n'
    assert list(citations(module, python=True)) == [Citation(page, "FCM"), Citation(page, "All")]
    assert list(citations(module, python=False)) == []


def tree(folder: Path, **pages: str) -> Path:
    """A repository of `a__b_md="text"`: a/b.md."""
    for name, text in pages.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("# ARCHITECTURE.md: Path", None),
        ("# docs/a.md: FCM", None),
        ("# a.md: FCM", "a.md: FCM: no such page"),
        ("# docs/a.md: WNS", "docs/a.md: WNS: no such heading"),
        ("# docs/a.md: Decision", "docs/a.md: Decision: no such heading"),
        ("# decision 1", None),
        ("# decision 2", "ARCHITECTURE.md: decision 2: no such heading"),
        ('"""docs/a.md"""\n# § FCM', None),
        ('"""docs/a.md"""\n# § fcm', None),
        ('"""docs/a.md"""\n# § WNS', "docs/a.md: WNS: no such heading"),
        ("# § FCM", "§ FCM: the module's docstring must name one page"),
        ("# as in CONTRACT: SendJob", "cites what is not here: CONTRACT: SendJob"),
        ("# the shapes of CONTRACT.md", "cites what is not here: CONTRACT.md"),
        ("x = 1  # facts; text open", "cites what is not here: # facts"),
        ("# says DESIGN", "cites what is not here: DESIGN"),
        ("CONTRACT = 1", None),
    ],
)
def test_a_citation_that_leads_nowhere_is_a_problem(tmp_path, text, problem):
    root = tree(
        tmp_path, ARCHITECTURE_md="# Path\n## Decision 1: Pure", docs__a_md="# FCM", worker__x_py=text
    )
    assert list(problems(root / "worker/x.py", root)) == [problem] * bool(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[there](docs/a.md), [here](#top), [a folder](docs), [out](https://example.com/x)\n# Top", None),
        ('[there](docs/a.md#fcm) and ![a picture](docs/a.md "title")', None),
        ('![a picture](docs/b.md "title")', "docs/b.md: no such file"),
        ("[gone](docs/b.md)", "docs/b.md: no such file"),
        ("[gone](docs/a.md#wns)", "docs/a.md#wns: no such heading"),
        ("[gone](#top)", "#top: no such heading"),
        ("[ref]\n\n[ref]: docs/b.md", "docs/b.md: no such file"),
        ("`[code](docs/b.md)` and\n```\n[code](docs/b.md)\n```", None),
    ],
)
def test_a_link_that_leads_nowhere_is_a_problem(tmp_path, text, problem):
    root = tree(tmp_path, README_md=text, docs__a_md="# FCM")
    assert list(problems(root / "README.md", root)) == [problem] * bool(problem)


def test_a_page_is_looked_for_beside_the_file_and_above_it(tmp_path):
    root = tree(
        tmp_path, README_md="# Top", k8s__README_md="# Install", k8s__x_yaml='# README.md, "Install".'
    )
    assert list(problems(root / "k8s/x.yaml", root)) == []
    tree(root, k8s__x_yaml='# README.md, "Top".')
    assert list(problems(root / "k8s/x.yaml", root)) == ["README.md: Top: no such heading"]


def test_what_is_not_ours_is_not_looked_at(tmp_path):
    root = tree(tmp_path, a_md="", venv__pyvenv_cfg="", venv__b_py="", _venv__c_py="")
    (root / "venv/lib").mkdir()
    (root / "venv/lib/d.py").touch()
    assert list(files(root)) == [root / "a.md"]
