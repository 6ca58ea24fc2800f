"""Signs that a text has degenerated: it says nothing, echoes its form, repeats its headline or a neighbour. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from services.evaluator.text.originality import FUNCTION_WORDS, WORD, Evidence, Source, cleaned, form
from shared.forecast import KEYS
from shared.forecast.slots import placeholder
from shared.wire import Sign

RESTATED: Final = 0.8
"""Share of a claim's words that its headline holds too from which on it restates the headline."""

_NOTHING: Final = Source.of("", "")
_SLOT = re.compile(rf"\b({'|'.join(KEYS)})\s*=([^;\n]*)")
_BRACKETS = re.compile(r"<[^\s<>](?:[^<>;]{0,80}[^\s<>])?>")
_WHEN = frozenset("today tomorrow tonight day week month quarter year next end".split())  # noqa: SIM905
_IDLE: Final = frozenset(form(word) for word in FUNCTION_WORDS) | _WHEN


def _words(text: str) -> list[str]:
    return [word for word in (form(found[0]) for found in WORD.finditer(cleaned(text))) if word not in _IDLE]


def restates(claim: str, headline: str) -> bool:
    """Whether at least RESTATED of a claim's words are its headline's: function words and the time it names aside.

    Words are compared without case and ending, whatever their order. A claim without such words restates nothing.
    """
    words, known = _words(claim), set(_words(headline))
    return bool(words) and sum(word in known for word in words) >= RESTATED * len(words)


def echoes(text: str) -> bool:
    """Whether a slot holds placeholder text, or any part of the text stands in angle brackets."""
    slots = ((found[1], found[2].strip()) for found in _SLOT.finditer(text))
    return bool(_BRACKETS.search(text)) or any(placeholder(key, value) for key, value in slots if value)


def signs_of(text: str, claim: str, headline: str, earlier: Sequence[str]) -> list[Sign]:
    """The signs of a text, given the claim it makes and the texts before it in its group."""
    if echoes(text):
        found: list[Sign] = ["placeholder"]
    elif not Evidence(text, _NOTHING).speaks:
        return ["empty"]
    else:
        found = []
    if restates(claim, headline):
        found.append("restated")
    if text.split() in [other.split() for other in earlier]:
        found.append("duplicate")
    return found
