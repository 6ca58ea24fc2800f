"""Where commands print: results to standard output, what is going on to standard error.

What is printed may come from headlines, prices and other machines: it has no markup, and nothing that a terminal obeys.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from services.cli.output.markup import Markup
from shared.text.sanitize import for_terminal

_PIPE_WIDTH = 200
_OBEYED = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class PlainConsole(Console):
    """A console for which text is text: only Markup has styles, and control characters are left out."""

    def render_str(self, text: str, **options: Any) -> Text:
        """As Rich does, with markup only where it is meant."""
        return super().render_str(text, **options | {"markup": isinstance(text, Markup), "emoji": False})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As Rich does, without what the terminal would obey in a text; Rich's own control codes pass."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=for_terminal(segment.text))


def out() -> Console:
    """Standard output; wide when it is no terminal, so that a pipe gets whole lines."""
    return PlainConsole(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def err() -> Console:
    """Standard error."""
    return PlainConsole(stderr=True, highlight=False, width=None if sys.stderr.isatty() else _PIPE_WIDTH)


def print_text(text: str) -> None:
    """A document to standard output: as it is into a pipe, without what a terminal would obey on one."""
    sys.stdout.write(for_terminal(text) if sys.stdout.isatty() else text)


def print_json(value: object) -> None:
    """A value as indented JSON; what a terminal would obey is written as escapes."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    sys.stdout.write(_OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[str] = ()) -> Table:
    """A plain table; the columns named in `numbers` are right-aligned."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    right = set(numbers)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made
