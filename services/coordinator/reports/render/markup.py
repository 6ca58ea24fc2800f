"""Cells and tables of Markdown. Pure. Headlines, errors and names of sources are untrusted: they are escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterator, Sequence

from shared.text.sanitize import on_one_line

_MARKUP = re.compile(r"([\\`*_\[\]|~#])")


def escaped(text: str) -> str:
    """Untrusted text as one line that is neither Markdown nor HTML."""
    # Quotes stay: they are markup within attributes only, and headlines are full of them.
    return _MARKUP.sub(r"\\\1", html.escape(on_one_line(text), quote=False))


def number(value: object) -> str:
    """Four decimals; a dash for None."""
    return _fixed(value, "") if isinstance(value, int | float) else "–"


def _fixed(value: float, sign: str) -> str:
    # Rounded first: a mean of .21875 less one bit must not print as .2187, nor a rounding error as -0.0000.
    written = f"{round(value, 12):{sign}.4f}"
    return written.replace("-", sign) if float(written) == 0 else written


def brief(value: object) -> str:
    """At most four decimals, counts without any; a dash for None."""
    return f"{round(value, 4):g}" if isinstance(value, int | float) else "–"


def tenths(value: float | None) -> str:
    """One decimal; a dash for None."""
    return "–" if value is None else f"{value:.1f}"


def signed(value: float | None) -> str:
    """Four decimals with their sign; a dash for None."""
    return "–" if value is None else _fixed(value, "+")


def between(low: float | None, high: float | None) -> str:
    """An interval, or a dash."""
    return "–" if low is None or high is None else f"{signed(low)} to {signed(high)}"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], left: Collection[str]) -> Iterator[str]:
    """A table; the columns named in `left` are aligned left, the others right."""
    yield "| " + " | ".join(columns) + " |"
    yield "|" + "|".join("---" if column in left else "---:" for column in columns) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def section(title: str, *lines: str | Iterator[str]) -> Iterator[str]:
    """A heading, and below it paragraphs and tables with an empty line between them."""
    yield f"## {title}"
    for part in lines:
        yield ""
        yield from [part] if isinstance(part, str) else part
