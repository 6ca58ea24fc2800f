"""Detects echoed instructions, by one pinned and versioned list of stems per preset. Pure."""

from __future__ import annotations

import re
from typing import Final

LEAK_LIST_VERSION: Final = "morrow-1"
LEGACY_LEAK_LIST_VERSION: Final = "legacy"

_STEMS: Final = {
    "order to write": r"\b(?:write|reply|respond|answer|output|return|give|produce) (?:with |in )?(?:only |exactly )?"
    r"one (?:line|forecast|paragraph|sentence)\b",
    "word limit": r"(?:≤|<=|at most|no more than|up to|under) ?\d+ words\b",
    "eight keys": r"\beight (?:keys|slots|fields)\b",
    "in this order": r"\bin (?:this|that|the given|the same) order\b",
    "format": r"\b(?:the|this|that|following|required|exact|same) (?:format|template)\b",
    "falsifiable statement": r"\bfalsifiable (?:market )?(?:statement|claim|forecast)\b|\bturn a headline into\b",
    "choices": r"\b1d ?[|/,] ?1w\b|\b0 ?[-–] ?100 ?%|\bMarketMove ?[|,/] ?MacroIndicator\b",
    "placeholder": r"<[^\s<>|;=](?:[^<>|;=]{0,60}[^\s<>|;=])?>",
    "chat markup": r"<\|im_(?:start|end)\|>|<\|endoftext\|>|</?think>",
    "worked example": r"\b(?:worked )?example(?:s| \d)?:|\bworked example\b",
    "headline label": r"\bheadline:",
    "do not": r"\b(?:do not|don't|never) (?:use|write|add|include|repeat|copy|mention|explain)\b",
    "use": r"\buse (?:emojis?|markdown|bold|bullets?|headers?|one paragraph)\b",
    "answer:": r"\b(?:final )?answer:",
    "note:": r"\bnote:",
    "the following": r"\bthe following (?:is|are)\b",
    "start with": r"\b(?:start|begin) with\b",
    "make sure": r"\bmake sure\b",
    "you must": r"\byou (?:must|should|will be given|are (?:a|an)|need to)\b",
    "the user": r"\bthe user(?:'s)? (?:wants?|asks?|asked|request|prompt|said)\b",
    "as a model": r"\bas an? (?:AI|language model|assistant)\b|"
    r"\bI(?:'m| am) (?:an? )?(?:AI|language model|assistant)\b",
}

_LEGACY_STEMS: Final = {
    "keep it/to": r"\bkeep (?:it|to)\b",
    "do not": r"\bdo not\b",
    "avoid": r"\bavoid\b",
    "use": r"\buse (?:emojis|markdown|bold|bullet|headers|one paragraph)",
    "answer:": r"\banswer:",
    "final answer": r"\bfinal answer\b",
    "note:": r"\bnote:",
    "the following": r"\bthe following (?:is|are)\b",
    "start with": r"\bstart with\b",
    "make sure": r"\bmake sure\b",
    "in this forecast": r"\bin this forecast\b",
    "you must": r"\byou must\b",
    "the user wants": r"\bthe user wants\b",
}


def _compiled(stems: dict[str, str]) -> dict[str, re.Pattern[str]]:
    return {name: re.compile(pattern, re.IGNORECASE) for name, pattern in stems.items()}


_LISTS: Final = {LEAK_LIST_VERSION: _compiled(_STEMS), LEGACY_LEAK_LIST_VERSION: _compiled(_LEGACY_STEMS)}


def leak_list(preset: str) -> str:
    """The version of the list that a preset uses: the legacy list only recomputes the predecessor's figures."""
    return LEGACY_LEAK_LIST_VERSION if preset == "legacy" else LEAK_LIST_VERSION


def leaked_stems(text: str, version: str = LEAK_LIST_VERSION) -> list[str]:
    """The stems of a list that a text contains, in the list's order; a text leaks if it contains any.

    Source: docs/scoring.md, "leak". Raises KeyError for a list that does not exist.
    """
    return [name for name, pattern in _LISTS[version].items() if pattern.search(text)]
