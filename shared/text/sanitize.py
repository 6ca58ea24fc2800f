"""Sanitises untrusted text for a terminal, a log, a prompt or a spreadsheet. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Bidirectional control characters: they reorder the text around them."""
_KEPT = frozenset("\n\t")
_TEMPLATE = re.compile(
    r"\[(/?(?:INST|SYS|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|THINK|CONTROL_\d+))\]"
)
"""Turns of chat templates that are written in square brackets; headlines may have such brackets for themselves."""


def _is_control(character: str) -> bool:
    code = ord(character)
    return code < 0x20 or 0x7F <= code < 0xA0 or character in _DIRECTIONS


def for_terminal(text: str) -> str:
    """The text without what a terminal would obey; new lines and tabs stay."""
    return "".join(c for c in text if c in _KEPT or not _is_control(c))


def escaped_line(text: str) -> str:
    """The text on one line, with what a log or a terminal would obey written out: \\n, \\x1b, \\u202e."""
    return "".join(c.encode("unicode_escape").decode() if _is_control(c) or c in "\u2028\u2029" else c for c in text)


def on_one_line(text: str) -> str:
    """The text on one line: what is not printable is a space, and spaces are single."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def without_turns(text: str, special: Iterable[str] = ()) -> str:
    """The text without turns of a chat: those in square brackets get round ones, `special` tokens a space inside.

    Angle brackets, which most templates use, are up to the caller, whose quotes they may be.
    """
    text = _TEMPLATE.sub(r"(\1)", text)
    for token in special:
        if len(token) > 1 and token in text:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def guarded(text: str) -> str:
    """The text, prefixed with an apostrophe if a spreadsheet would run it as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def unguarded(text: str) -> str:
    """The text before `guarded`."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text
