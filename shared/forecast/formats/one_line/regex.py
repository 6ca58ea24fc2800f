"""The line and its slots as regular expressions for a constrained decoder: no lookaround, no unbounded group.

Narrower than the grammar on purpose, so that what it generates is strict and short. Its bounds: a word begins with a
letter or is a number, a phrase has single spaces, begins with a letter and may have commas inside, Proxy begins with a
capital and not with `Pr`. Inside a slot there are no angle brackets, ellipsis, `=` or semicolon. The letters of a word
are not counted: whether a token fits would depend on the letters before it, and the decoder would have to try thousands
of tokens at every step, instead of looking up a mask that it compiled. What no expression can
know stays for the verdict: that a slot is the headline, or says nothing but its own key or the template's words
(`Claim=my claim is this text`).
"""

from __future__ import annotations

from typing import Final

from shared.forecast.slots import DOMAINS, HORIZONS, KEYS

_JOINED: Final = r"([.'&/-][A-Za-z0-9]+){0,2}"
NAME: Final = rf"[A-Za-z][A-Za-z0-9]*{_JOINED}"
"""A word: letters, digits, at most two joints (`S&P`, `year-end`)."""

_NUMBER: Final = r"[$+-]?[0-9]{1,4}(,[0-9]{3}){0,2}([.][0-9]{1,4})?(%|[A-Za-z]+|-[a-z]+)?"
_LAST: Final = rf"({NAME}|{_NUMBER})"
_WORD: Final = rf"{_LAST},?"
_PROXY_FIRST: Final = rf"([A-OQ-Z]|P[A-QS-Za-qs-z])[A-Za-z0-9]*{_JOINED}"
"""A capital first, and not `Pr…`, which keeps the slot from repeating its key."""


def phrase(min_words: int, max_words: int) -> str:
    """A phrase of `min_words` to `max_words` words, at min_words two, with single spaces."""
    return rf"{NAME}( {_WORD}){{{min_words - 2},{max_words - 2}}} {_LAST}"


def slot_regex(key: str, horizon: str | None = None) -> str:
    """A regular expression of strict values of one slot, a horizon's own if given. Raises KeyError for no key.

    Proxy 1-4 words, Claim 5-16, Rationale 4-16, Risk 2-6.
    """
    horizons = "|".join([horizon] if horizon else HORIZONS)
    return {
        "Domain": rf"({'|'.join(DOMAINS)})",
        "Proxy": rf"{_PROXY_FIRST}( {_LAST}){{0,3}}",
        "Horizon": rf"({horizons})",
        "Prob": r"(100|[1-9]?[0-9])%",
        "Claim": phrase(5, 16),
        "Rationale": phrase(4, 16),
        "Risk": phrase(2, 6),
        "Confidence": "[0-3]",
    }[key]


def line_regex(horizon: str | None = None) -> str:
    """A regular expression of strict lines: of one horizon if given, of any otherwise.

    About 60 to 110 tokens with a small model's tokenizer.
    """
    return "; ".join(f"{key}={slot_regex(key, horizon)}" for key in KEYS)
