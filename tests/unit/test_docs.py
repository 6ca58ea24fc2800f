"""Links and numbers of the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NOT_LISTED = {"rules", "figures", "queries", "render", "one_line"}
"""Folders inside a feature that stand for one of its layers, or for one format."""
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)?(?:#([^)\s]+))?\)")


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_have_targets(page: Path) -> None:
    links = [(page.parent / path if path else page, anchor) for path, anchor in _LINK.findall(page.read_text("utf8"))]
    assert [str(target) for target, _ in links if not target.exists()] == []
    assert [anchor for target, anchor in links if anchor and anchor not in _anchors(target)] == []


def test_decisions_are_numbered_consecutively() -> None:
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


def _tree(page: str) -> list[str]:
    """The lines of the folder tree in a page, from `services/` to the first empty line."""
    lines = (ROOT / page).read_text("utf8").splitlines()
    start = lines.index("    services/")
    return lines[start : lines.index("", start)]


def test_architecture_and_contributing_show_the_same_tree() -> None:
    assert _tree("docs/architecture.md") == _tree("CONTRIBUTING.md")


def test_the_tree_names_every_folder_and_no_other() -> None:
    # Two spaces of indent per level; `a/ b/` on one line are siblings.
    parents: list[str] = []
    shown = set()
    for line in _tree("CONTRIBUTING.md"):
        names = re.findall(r"(?:^|(?<=/ ))([a-z_0-9]+)/", line.strip().split("  ")[0])
        depth = (len(line) - len(line.lstrip()) - 4) // 2
        parents = [*parents[:depth], *names[:1]]
        shown |= {"/".join([*parents[:depth], name]) for name in names}
    folders = {
        str(path.parent.relative_to(ROOT))
        for top in ("services", "shared")
        for path in (ROOT / top).rglob("__init__.py")
    } | {"services/cli/sample_corpus"}
    unlisted = {folder for folder in folders if folder.rsplit("/", 1)[-1] in NOT_LISTED}
    assert {name for name in shown if name.startswith(("services", "shared"))} == folders - unlisted
