"""The rules of the house: sizes of folders, files and functions, and docstrings that name the errors they raise."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path for folder in ("services", "shared") for path in (ROOT / folder).rglob("*.py"))
FOLDERS = sorted({path.parent for path in FILES})
MAX_MODULES, MAX_FILE_LINES, MAX_FUNCTION_LINES = 16, 250, 40
_PRAGMA = re.compile(r"# (noqa|type:|pragma)")
_SAYS_RAISES = re.compile(r"\braises?\b", re.IGNORECASE)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


@pytest.mark.parametrize("folder", FOLDERS, ids=_name)
def test_folder_has_at_most_sixteen_modules_not_counting_init(folder: Path) -> None:
    modules = [path.name for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= MAX_MODULES, modules


def _comments(path: Path) -> int:
    """The number of comments in a file that speak to a reader and not to a linter."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text("utf8")).readline)
    return sum(token.type == tokenize.COMMENT and not _PRAGMA.match(token.string) for token in tokens)


def test_python_files_have_at_most_250_lines(capsys: pytest.CaptureFixture[str]) -> None:
    lengths = {_name(path): len(path.read_text("utf8").splitlines()) for path in FILES}
    comments, lines = sum(map(_comments, FILES)), sum(lengths.values())
    # Reported and not asserted: a comment that is written for a quota gives no reason.
    with capsys.disabled():
        print(f"\n{comments} comments in {lines} lines of services/ and shared/: {comments / lines:.1%}")
    assert {name: length for name, length in lengths.items() if length > MAX_FILE_LINES} == {}


def test_functions_have_at_most_forty_lines_from_def_to_end_docstring_counted_decorators_not() -> None:
    lengths = {
        f"{_name(path)}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in FILES
        for node in _functions(ast.parse(path.read_text("utf8")))
    }
    assert {name: length for name, length in lengths.items() if length > MAX_FUNCTION_LINES} == {}


def _public_functions(node: ast.AST) -> Iterator[Function]:
    """The public functions of a module and the public methods of its public classes, nested functions left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function) and not child.name.startswith("_"):
            yield child
        elif isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            yield from _public_functions(child)


def _raised(node: ast.AST) -> Iterator[str]:
    """The names of the error classes that a function's own body raises."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(child, ast.Raise) and child.exc is not None:
            kind = child.exc.func if isinstance(child.exc, ast.Call) else child.exc
            name = kind.attr if isinstance(kind, ast.Attribute) else kind.id if isinstance(kind, ast.Name) else ""
            if name.endswith("Error") and name[0].isupper():
                yield name
        yield from _raised(child)


def _is_silent(function: Function) -> bool:
    """Whether a function raises an error class and its docstring neither says so nor names the class."""
    docstring, names = ast.get_docstring(function) or "", set(_raised(function))
    return bool(names) and not _SAYS_RAISES.search(docstring) and not any(name in docstring for name in names)


def test_public_functions_that_raise_an_error_class_say_so_in_their_docstring() -> None:
    silent = [
        f"{_name(path)}:{function.lineno} {function.name}: {', '.join(sorted(set(_raised(function))))}"
        for path in FILES
        for function in _public_functions(ast.parse(path.read_text("utf8")))
        if _is_silent(function)
    ]
    assert silent == []


SILENT = """
def silent(x):
    "Divides."
    if not x:
        raise InvalidInputError("x is 0")
"""


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (SILENT, True),
        (SILENT.replace("Divides.", "Divides; raises InvalidInputError."), False),
        (SILENT.replace("Divides.", "Divides, InvalidInputError for 0."), False),
        (SILENT.replace("    if not x:", "    def inner():").replace("raise Inv", "    raise Inv"), False),
        (SILENT.replace('raise InvalidInputError("x is 0")', "raise"), False),
        (SILENT.replace('raise InvalidInputError("x is 0")', "raise errors.InvalidInputError"), True),
    ],
)
def test_docstring_rule_sees_the_errors_of_a_function_itself(code: str, expected: bool) -> None:
    (function,) = _public_functions(ast.parse(code))
    assert _is_silent(function) is expected
