"""Signs of degeneration: an empty text, an echoed placeholder, a restated headline, a duplicate. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from services.evaluator.text.originality import FUNCTION_WORDS, WORD, Evidence, Source, cleaned, form
from shared.forecast import KEYS
from shared.forecast.slots import placeholder
from shared.wire import Sign

RESTATED: Final = 0.8
"""A claim that shares at least this fraction of its words with its headline restates it."""

_NOTHING: Final = Source.of("", "")
_SLOT = re.compile(rf"\b({'|'.join(KEYS)})\s*=([^;\n]*)")
_BRACKETS = re.compile(r"<[^\s<>](?:[^<>;]{0,80}[^\s<>])?>")
_WHEN = frozenset("today tomorrow tonight day week month quarter year next end".split())  # noqa: SIM905
_IDLE: Final = frozenset(form(word) for word in FUNCTION_WORDS) | _WHEN


def _words(text: str) -> list[str]:
    return [word for word in (form(match[0]) for match in WORD.finditer(cleaned(text))) if word not in _IDLE]


def restates(claim: str, headline: str) -> bool:
    """Whether at least RESTATED of a claim's words, function words and time words aside, are in its headline.

    Words are compared without case and ending, whatever their order. A claim without such words restates nothing.
    """
    words, headline_words = _words(claim), set(_words(headline))
    return bool(words) and sum(word in headline_words for word in words) >= RESTATED * len(words)


def echoes(text: str) -> bool:
    """Whether a slot contains placeholder text, or any part of the text is in angle brackets."""
    slots = ((match[1], match[2].strip()) for match in _SLOT.finditer(text))
    return bool(_BRACKETS.search(text)) or any(placeholder(key, value) for key, value in slots if value)


def degeneration_signs(text: str, claim: str, headline: str, earlier: Sequence[str]) -> list[Sign]:
    """The signs of a text, given its claim and the `earlier` texts of its group."""
    if echoes(text):
        signs: list[Sign] = ["placeholder"]
    elif not Evidence(text, _NOTHING).has_own_words:
        return ["empty"]
    else:
        signs = []
    if restates(claim, headline):
        signs.append("restated")
    if text.split() in [other.split() for other in earlier]:
        signs.append("duplicate")
    return signs
