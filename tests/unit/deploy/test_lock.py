"""What `make lock` writes: one version for every Python, nothing of CUDA, and the comments that were there."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from deploy.checks.tools import CheckError
from deploy.lock import resolved, rewritten

RESOLVER = """#!{python}
import pathlib, sys
words = sys.argv
version = words[words.index("--python-version") + 1]
earlier = pathlib.Path(words[words.index("--constraints") + 1]).read_text()
if {fails!r} == version:
    sys.exit("error: No solution found")
if "weights" in words:
    print("weights==1")
elif version == "3.11":
    print("b==2\\nbackport==1\\nnvidia-nccl==3")
else:
    assert "b==2" in earlier, earlier
    print("b==2\\nA==1")
"""


def _resolver(folder: Path, fails: str = "") -> str:
    path = folder / "resolver"
    path.write_text(RESOLVER.format(python=sys.executable, fails=fails), "utf8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    (folder / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.11,<3.13"\n', "utf8")
    return str(path)


def test_a_later_python_is_resolved_under_the_versions_of_the_earlier_ones(tmp_path: Path) -> None:
    versions = {"a": "1", "b": "2", "backport": "1", "weights": "1"}
    assert resolved(tmp_path, _resolver(tmp_path)) == versions
    assert list(resolved(tmp_path, _resolver(tmp_path))) == sorted(versions)


def test_a_python_that_does_not_resolve_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckError, match=r"Python 3\.12: error: No solution found"):
        resolved(tmp_path, _resolver(tmp_path, fails="3.12"))


def test_comments_stay_and_versions_are_replaced() -> None:
    assert rewritten("# why\na==1\nz==9\n", {"a": "2"}) == "# why\na==2\n"
