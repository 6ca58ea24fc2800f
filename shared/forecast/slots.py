"""The eight slots of a line: their names, their values and what makes one fail."""

from __future__ import annotations

import re
from typing import Final, get_args

from shared.run_config import Horizon

Slots = dict[str, str]
"""Values by key, as they stand in a line: Prob with its %, numbers as text."""

KEYS: Final = ("Domain", "Proxy", "Horizon", "Prob", "Claim", "Rationale", "Risk", "Confidence")
DOMAINS: Final = (
    "MarketMove",
    "MacroIndicator",
    "PolicyOutcome",
    "Election",
    "Regulation",
    "Geopolitics",
    "Technology",
    "CompanyEvent",
    "PublicHealth",
)
HORIZONS: Final[tuple[Horizon, ...]] = get_args(Horizon)
WORD_LIMITS: Final = {"Rationale": 18, "Risk": 6}
"""Most words (runs of characters between spaces) of a slot; the others have no limit of their own."""

_TEMPLATE_SLOTS: Final = {
    "Domain": "<domain>",
    "Proxy": "<instrument or measure>",
    "Horizon": "<1d|1w|1m|1q>",
    "Prob": "<0-100>%",
    "Claim": "<what will have happened by the horizon>",
    "Rationale": "<why, at most 18 words>",
    "Risk": "<what would break it, at most 6 words>",
    "Confidence": "<0-3>",
}
_PROB = re.compile(r"(100|[1-9]?[0-9])%")
_KEY_INSIDE = re.compile(rf"\b({'|'.join(KEYS)})\s*=", re.IGNORECASE)
_FILLER = frozenset({"a", "an", "the", "your", "my", "this", "is", "here", "text", "value", "of", "for", "in", "words"})
_NO_WORD = re.compile(r"[\W_]+")


def render(slots: Slots) -> str:
    """The line of eight slots, in order. Raises KeyError if one is missing."""
    return "; ".join(f"{key}={slots[key]}" for key in KEYS)


TEMPLATE: Final = render(_TEMPLATE_SLOTS)
"""The form in words. A slot that repeats these words is a placeholder."""


def plain(text: str) -> str:
    """The words of a text without case and punctuation: what tells whether two texts say the same."""
    return _NO_WORD.sub(" ", text).strip().casefold()


def unfilled(text: str) -> str | None:
    """Why the text still has a gap where something should stand, or None."""
    opened = text.find("<")
    if 0 <= opened < text.rfind(">"):
        return "holds a placeholder in angle brackets"
    if "..." in text or "…" in text:
        return "holds an ellipsis where text should stand"
    return None


def placeholder(key: str, value: str) -> str | None:
    """Why the value is placeholder text rather than an answer, or None."""
    if gap := unfilled(value):
        return gap
    words = set(plain(value).split())
    if key.casefold() in words and words <= _FILLER | {key.casefold()}:
        return "repeats its own key"
    if plain(value) == plain(_TEMPLATE_SLOTS[key]):
        return "repeats the words of the template"
    return None


def _text_failure(key: str, value: str, headline: str) -> str | None:
    inside = _KEY_INSIDE.search(value)
    count, limit = len(value.split()), WORD_LIMITS.get(key)
    checks = (
        (value != " ".join(value.split()), "has missing or extra spaces"),
        (not value.isprintable(), "holds characters that cannot be printed"),
        (not any(character.isalpha() for character in value), "holds no word"),
        (inside is not None, f"holds another slot, {inside[1] if inside else ''}="),
        (";" in value, "holds a semicolon"),
        (bool(headline) and plain(value) == headline, "repeats the headline"),
        (limit is not None and count > limit, f"has {count} words where {limit} are allowed"),
    )
    return next((reason for failed, reason in checks if failed), None)


_CHOICES: Final = {
    "Domain": (DOMAINS, "is not one of the listed domains"),
    "Horizon": (HORIZONS, f"is not one of {', '.join(HORIZONS)}"),
    "Confidence": (("0", "1", "2", "3"), "is not 0, 1, 2 or 3"),
}


def slot_failure(key: str, value: str, headline: str | None = None) -> str | None:
    """Why a slot's value is not strict, in words that continue its key, or None."""
    if not value:
        return "is empty"
    if found := placeholder(key, value):
        return found
    if key in _CHOICES:
        choices, reason = _CHOICES[key]
        return None if value in choices else reason
    if key == "Prob":
        return None if _PROB.fullmatch(value) else "is not a whole number from 0 to 100 with %"
    return _text_failure(key, value, plain(headline or ""))
