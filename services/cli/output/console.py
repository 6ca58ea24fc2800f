"""Consoles: results go to standard output, progress to standard error.

Printed text may come from headlines, prices and other machines: its markup and control characters have no effect.
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
_CONTROLS = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class PlainConsole(Console):
    """A Rich console that renders styles of Markup only and removes control characters."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Rich's rendering, with markup for Markup only."""
        # Without emoji: `:smile:` in a headline is text.
        return super().render_str(text, **options | {"markup": isinstance(text, Markup), "emoji": False})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Rich's rendering, without control characters in texts; Rich's own control codes pass."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=for_terminal(segment.text))


def out() -> Console:
    """A console on standard output; 200 columns wide in a pipe, so that rows stay on one line."""
    return PlainConsole(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def err() -> Console:
    """A console on standard error."""
    return PlainConsole(stderr=True, highlight=False, width=None if sys.stderr.isatty() else _PIPE_WIDTH)


def print_text(text: str) -> None:
    """Write a document to standard output: unchanged to a pipe, without control characters to a terminal."""
    sys.stdout.write(for_terminal(text) if sys.stdout.isatty() else text)


def print_json(value: object) -> None:
    """Print a value as indented JSON, control characters as escapes."""
    # Other scripts stay readable; only characters that control a terminal are escaped.
    text = json.dumps(value, indent=2, ensure_ascii=False)
    sys.stdout.write(_CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[str] = ()) -> Table:
    """A plain table; the columns named in `numbers` are right-aligned."""
    grid = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    right = set(numbers)
    for column in columns:
        grid.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        grid.add_row(*row)
    return grid
