"""Parses the price move of a claim: a change of at least a share, or a level to be passed.

Pure. Narrow on purpose: a claim that hedges, negates, sets a condition or names two figures is not parsed, because the
settled move must be the one that was forecast.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from services.evaluator.text.originality import cleaned

_UP: Final = (
    r"ris(?:e|es|en|ing)|rose|gain(?:s|ed|ing)?|climb(?:s|ed|ing)?|jump(?:s|ed|ing)?|surg(?:e|es|ed|ing)|"
    r"rall(?:y|ies|ied|ying)|advanc(?:e|es|ed|ing)|increas(?:e|es|ed|ing)|rebound(?:s|ed|ing)?|"
    r"strengthen(?:s|ed|ing)?|up|higher"
)
_DOWN: Final = (
    r"f[ae]ll(?:s|en|ing)?|drop(?:s|ped|ping)?|declin(?:e|es|ed|ing)|slid(?:e|es|ing)?|slip(?:s|ped|ping)?|"
    r"slump(?:s|ed|ing)?|plung(?:e|es|ed|ing)|tumbl(?:e|es|ed|ing)|decreas(?:e|es|ed|ing)|"
    r"weaken(?:s|ed|ing)?|los(?:e|es|t|ing)|sinks?|sank|down|lower"
)
_STANDS: Final = (
    r"(?:clos|trad|settl|mov)(?:e|es|ed|ing)|(?:end|open|break|stay|hold|finish)(?:s|es|ed|ing)?|is|are|be|go|goes"
)
_NUMBER: Final = r"[$€£¥]?(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?![\d,.]*\d)"
_PERCENT: Final = r" ?(?:%|percent\b|per cent\b)"
_AT_LEAST: Final = r"(?:(?:at least|more than|over|another|a further) )?"
_END: Final = (
    r"(?=$|[.,;!)]|[ ](?:by|in|within|before|on|tomorrow|today|tonight|this|next|as|after|amid|because|due|following|"
    r"during|through|until|when|while|since)\b|[ ]over (?:the|a|one|two|three|next)\b|"
    r"[ ]at (?:the )?(?:close|end|open)\b)"
)
_MOVE: Final = rf"\b(?:(?P<up>{_UP})|(?P<down>{_DOWN}))"
_PATTERNS: Final = {
    kind: re.compile(source, re.IGNORECASE)
    for kind, source in {
        "share": rf"{_MOVE} (?:(?:by|of) )?{_AT_LEAST}{_NUMBER}{_PERCENT}(?: or more)?{_END}",
        "share after": rf"\b(?:{_STANDS}) {_AT_LEAST}{_NUMBER}{_PERCENT}(?: or more)? (?:(?P<up>up|higher)|"
        rf"(?P<down>down|lower)){_END}",
        "level": rf"(?:{_MOVE}|\b(?:{_STANDS})) (?:back )?(?:to )?(?:(?P<above>above)|(?P<below>below|beneath)) "
        rf"{_NUMBER}(?:{_PERCENT})?{_END}",
        "level over": rf"(?:{_MOVE}|\b(?:{_STANDS})) (?:(?P<above>over)|(?P<below>under)) "
        rf"{_NUMBER}(?!{_PERCENT}){_END}",
        "level to": rf"{_MOVE} (?:to|past|through) (?:at least )?{_NUMBER}(?:{_PERCENT})?{_END}",
    }.items()
}
_FIGURE: Final = re.compile(rf"\b(?:{_UP}|{_DOWN}|above|below)\b[^.;,]{{0,15}}?\d", re.IGNORECASE)
_OPEN: Final = re.compile(
    r"\b(?:not|no|never|cannot|without|fails?|unlikely|less than|at most|up to|if|unless|either|between|could|"
    r"might|or(?! more))\b|n['’]t\b|(?-i:\bmay\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Claimed:
    """A price `up` or down by at least `amount`: a share of the start (.02 is 2 %), or down or up to a level.

    `subject` is the text before the move.
    """

    up: bool
    amount: float
    kind: Literal["share", "level"]
    subject: str

    def threshold(self, start: float) -> float | None:
        """The signed fraction of `start` (> 0) that the change must reach; None for a level that is passed already.

        2 % down is −.02; a level L is L/start − 1. Rounded to 9 decimals, as the change that it is compared with.
        """
        share = self.amount / start - 1 if self.kind == "level" else self.amount * (1 if self.up else -1)
        share = round(share, 9)
        return share if (share > 0) is self.up and share != 0 else None


def _claimed(kind: str, text: str, match: re.Match[str]) -> Claimed | None:
    sides = match.groupdict()
    up, down = bool(sides["up"] or sides.get("above")), bool(sides["down"] or sides.get("below"))
    if up is down:
        return None
    number = float(match["number"].replace(",", ""))
    subject = text[: match.start()].strip()
    if kind.startswith("level"):
        return Claimed(up, number, "level", subject)
    return Claimed(up, number / 100, "share", subject)


def parse_claim(claim: str) -> Claimed | None:
    """The price move that a claim states, or None unless it states exactly one. Never raises."""
    text = " ".join(cleaned(claim).split())
    if _OPEN.search(text):
        return None
    matches = [(kind, match) for kind, pattern in _PATTERNS.items() for match in pattern.finditer(text)]
    if len(matches) != 1:
        return None
    kind, match = matches[0]
    # a second figure beside the move may bound it ("up 2% after falling 5%"): the claim is then ambiguous
    beside = (text[: match.start()], text[match.end() :])
    return None if any(_FIGURE.search(words) for words in beside) else _claimed(kind, text, match)
