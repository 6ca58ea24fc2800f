"""The words that docs/contributing/words.md replaces are gone from the code and the documents."""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORDS = ROOT / "docs" / "contributing" / "words.md"
# Pages that name the old words rightly: the list, the changelog, and decisions, which stay as they were taken.
RECORDS = ("docs/contributing/words.md", "CHANGELOG.md", "docs/decisions/")
# Files whose words are not ours: third-party headlines and schemas.
DATA = ("services/cli/sample_corpus/", "k8s/schemas/", "bench/data/", "LICENSE")
NEW_MEANINGS: set[str] = set()
"""Files that bear an old name rightly."""
SUFFIXES = {".py", ".md", ".toml", ".yml", ".yaml", ".env", ".conf", ""}


def _words(quote: str) -> Iterator[str]:
    """The entries of the left column between two quotes of this kind."""
    for line in WORDS.read_text("utf8").split("## Pairs", 1)[1].splitlines():
        if line.startswith("| ") and not line.startswith(("| not |", "| ---")):
            left = line.split(" | ")[0]
            yield from re.findall(
                rf"{quote}([^{quote}]+){quote}", re.sub('"[^"]*"', "", left) if quote == "`" else left
            )


NAMES = [name for name in _words("`") if not name.endswith(".py")]
MODULES = [name for name in _words("`") if name.endswith(".py")]
PHRASES = list(_words('"'))


def _identifiers(source: str) -> set[str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}


def _pages() -> dict[str, str]:
    names = subprocess.run(
        ("git", "ls-files", "-co", "--exclude-standard"), cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    ours = [name for name in names if Path(name).suffix in SUFFIXES and not name.startswith((*RECORDS, *DATA))]
    return {name: (ROOT / name).read_text("utf8") for name in ours if (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return _pages()


@pytest.fixture(scope="module")
def identifiers(pages: dict[str, str]) -> dict[str, set[str]]:
    return {name: _identifiers(text) for name, text in pages.items() if name.endswith(".py")}


def test_the_list_of_words_is_read() -> None:
    assert (len(NAMES) >= 25, len(MODULES) >= 35, len(PHRASES) >= 8) == (True, True, True)
    assert {"most", "MOST_*", "Forwarder"} <= set(NAMES)
    assert "preset `seed`" in PHRASES


@pytest.mark.parametrize("name", NAMES)
def test_a_replaced_name_is_no_identifier(name: str, identifiers: dict[str, set[str]]) -> None:
    whole = re.compile(re.escape(name).replace(r"\*", "[A-Z_0-9]+"))
    assert [page for page, known in identifiers.items() if any(map(whole.fullmatch, known))] == []


@pytest.mark.parametrize("module", MODULES)
def test_a_replaced_module_is_gone_and_no_page_names_it(module: str, pages: dict[str, str]) -> None:
    named = re.compile(rf"(?<![\w]){re.escape(module)}(?![\w])")
    moved = {page for page in pages if Path(page).name == module and page not in NEW_MEANINGS}
    assert (
        moved | {page for page, text in pages.items() if named.search(text) and page != "tests/unit/test_words.py"}
        == set()
    )


@pytest.mark.parametrize("phrase", PHRASES)
def test_a_replaced_phrase_stands_nowhere(phrase: str, pages: dict[str, str]) -> None:
    words = re.compile(re.escape(phrase).replace(r"\ ", r"\s+"), re.IGNORECASE)
    assert [page for page, text in pages.items() if words.search(text) and page != "tests/unit/test_words.py"] == []
