"""Finds the words of a forecast that are its own, not copied: for the trade-thinking rubric and for claims. Pure.

A word is *not* its own, and counts for nothing, when it is
- one of the template's words: a key, a domain, a word of the form (`Risk=`, `Prob=`, `MarketMove`, `instrument`);
- in a slot without content about a trade: the values of Domain, Horizon, Prob and Confidence;
- a word of the headline, function words aside;
- part of a run of three or more consecutive words that the prompt contains too. Keys, punctuation and letter case do
  not interrupt a run, so that copying with other separators is still copying;
- part of a short slot of the prompt: two words that are a whole slot there (`Risk=hawkish surprise`) count as a run,
  and one word that is a whole slot there is a copy where it is a whole slot again.

So a common word (buy, Fed, Friday) that a worked example also uses can be earned in a phrase of one's own. Names and
numbers cannot: `specific` evidence also fails when the prompt contains the word anywhere, since the instrument and the
level of a worked example are that example's. Words are compared by a form without case, currency signs, thousands
commas, possessive and plural or verb ending s. Before anything else, text is NFKC-normalised and invisible characters
are dropped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

from shared.forecast import DOMAINS, KEYS, TEMPLATE

RUN: Final = 3
"""This many consecutive words shared with the prompt, or more, are a copy."""

FUNCTION_WORDS: Final = frozenset(
    "a an and are as at be by for from "  # noqa: SIM905
    "had has have in is it its least most of on or than that the this to was were what will with would".split()
)
"""Words that are never evidence of anything; a headline or the template cannot take them away from a phrase."""

_EXTRA_TEMPLATE: Final = "falsifiable statement metric event placeholder"
WORD: Final = re.compile(r"[$€£¥]?\d+(?:[.,]\d+)*%?|[^\W\d_]+(?:[&'’][^\W\d_]+)*")
"""A word, or a number with what belongs to it."""

_BORDER = re.compile(rf"(?P<key>\b(?:{'|'.join(KEYS)}|Probability)\s*[=:])|[;\n]", re.IGNORECASE)
_EMPTY_SLOTS: Final = ("domain", "horizon", "prob", "confidence")


def form(word: str) -> str:
    """The form by which a word is compared."""
    plain = word.casefold().lstrip("$€£¥").replace(",", "").replace("’", "'").removesuffix("'s")
    if len(plain) > 4 and plain.endswith("ies"):
        return plain[:-3] + "y"
    return plain[:-1] if len(plain) > 3 and plain.endswith("s") and not plain.endswith("ss") else plain


def cleaned(text: str) -> str:
    """NFKC without invisible (format) characters."""
    return "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")


@dataclass(frozen=True)
class Word:
    """A word at [start, end) of the cleaned text."""

    start: int
    end: int
    form: str


def _slots(text: str) -> Iterator[tuple[Word, ...]]:
    """The words of each stretch between borders (key, semicolon, line end) that may contain evidence; none are keys."""
    borders = [(0, 0, "")] + [(m.start(), m.end(), (m["key"] or "").casefold()) for m in _BORDER.finditer(text)]
    ends = [start for start, _, _ in borders[1:]] + [len(text)]
    for (_, start, key), end in zip(borders, ends, strict=True):
        if not key.startswith(_EMPTY_SLOTS):
            yield tuple(Word(m.start(), m.end(), form(m[0])) for m in WORD.finditer(text, start, end))


TEMPLATE_WORDS: Final = frozenset(
    word
    for word in (form(m[0]) for m in WORD.finditer(" ".join((TEMPLATE, _EXTRA_TEMPLATE, *KEYS, *DOMAINS))))
    if word.isalpha()
) - {form(word) for word in FUNCTION_WORDS}
_FUNCTION_FORMS: Final = frozenset(form(word) for word in FUNCTION_WORDS)


def _without_template(slots: list[tuple[Word, ...]]) -> list[tuple[Word, ...]]:
    """The slots without the template's words, which neither make nor interrupt a copied run."""
    return [tuple(word for word in slot if word.form not in TEMPLATE_WORDS) for slot in slots]


def _forms(words: tuple[Word, ...] | list[Word]) -> tuple[str, ...]:
    return tuple(word.form for word in words)


@dataclass(frozen=True)
class Source:
    """The text that a forecast can copy from: a prompt and its headline."""

    headline: frozenset[str]
    words: frozenset[str]
    runs: frozenset[tuple[str, ...]]
    single: frozenset[str]

    @classmethod
    def of(cls, prompt: str, headline: str) -> Source:
        """The source of a group; an empty prompt leaves the headline and the template."""
        slots = _without_template(list(_slots(cleaned(f"{TEMPLATE}\n{prompt}"))))
        sequence = _forms([word for slot in slots for word in slot])
        headline_words = frozenset(form(m[0]) for m in WORD.finditer(cleaned(headline)))
        return cls(
            headline=headline_words - _FUNCTION_FORMS,
            words=frozenset(sequence) - _FUNCTION_FORMS,
            runs=frozenset(sequence[i : i + RUN] for i in range(len(sequence) - RUN + 1))
            | {_forms(slot) for slot in slots if len(slot) == RUN - 1},
            single=frozenset(slot[0].form for slot in slots if len(slot) == 1),
        )


class Evidence:
    """A text and its own words."""

    def __init__(self, text: str, source: Source) -> None:
        self.text = cleaned(text)
        self._source = source
        slots = _without_template(list(_slots(self.text)))
        sequence = [word for slot in slots for word in slot]
        copied = {slot[0] for slot in slots if len(slot) == 1 and slot[0].form in source.single}
        for i, length in product(range(len(sequence)), (RUN - 1, RUN)):
            run = sequence[i : i + length]
            if _forms(run) in source.runs:
                copied.update(run)
        self._own = [word for word in sequence if word not in copied and word.form not in source.headline]

    def supports(self, start: int, end: int, *, specific: bool = False) -> bool:
        """Whether the stretch [start, end) of the text has words, and all but its function words are its own."""
        inside = [form(m[0]) for m in WORD.finditer(self.text, start, end)]
        content = [word for word in inside if word not in _FUNCTION_FORMS]
        own = [word.form for word in self._own if start <= word.start and word.end <= end]
        own = [word for word in own if word not in _FUNCTION_FORMS and not (specific and word in self._source.words)]
        return bool(content) and len(own) == len(content)

    @property
    def has_own_words(self) -> bool:
        """Whether any word of letters, function words and single letters aside, is the text's own."""
        return any(
            len(word.form) > 1 and word.form[0].isalpha() and word.form not in _FUNCTION_FORMS for word in self._own
        )
