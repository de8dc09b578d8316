"""Every link between the pages, and from them to files, leads somewhere."""

import pytest

from tests.docs.support import PAGES, README, ROOT, Link, anchors, links

LINKS = [link for page in PAGES for link in links(page)]


@pytest.mark.parametrize("link", LINKS, ids=str)
def test_a_link_leads_to_a_file_and_an_anchor_that_are_there(link: Link):
    assert link.file.is_relative_to(ROOT)
    assert link.file.exists()
    if link.anchor:
        assert link.anchor in anchors(link.file)


def test_readme_leads_to_every_page_of_its_own_house():
    """Pages for those who come from elsewhere are linked where it is said how to move here."""
    linked = {link.file for page in (README, ROOT / "docs/campaigns.md") for link in links(page)}
    assert {page for page in PAGES if page.parent != ROOT / "benchmarks/results"} - {README} - linked == set()


def test_links_are_found_as_they_are_written(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "[a](b.md#c) ![d](e.svg) [f](#g) [h](https://i.example/)\n"
        "`[not](one.md)`\n```\n[nor](this.md)\n```\n"
        '# One `two`, three\n# Same\n# Same\n<a id="old"></a>\n'
    )
    assert [(link.target, link.anchor) for link in links(page)] == [("b.md", "c"), ("e.svg", ""), ("", "g")]
    assert anchors(page) == {"one-two-three", "same", "same-1", "old"}
