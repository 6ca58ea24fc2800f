"""What the model is asked: a system turn, two worked examples and the headline, as messages of a chat.

Pure. Headlines are untrusted text: on one line, cut, quoted, and without the brackets that special tokens are made of.
"""

from __future__ import annotations

from typing import Final, TypedDict

from shared.forecast import render
from shared.run_config import Horizon

PROMPT_VERSION: Final = "1"
"""Changes with every change of the wording: forecasts under different prompts are not comparable."""

MOST_HEADLINE: Final = 240
"""Characters of a headline that are shown."""


_HARMLESS: Final = str.maketrans('<>"', "()'")


class ChatMessage(TypedDict):
    """One turn of a chat."""

    role: str
    content: str


_BY: Final[dict[Horizon, str]] = {"1d": "by tomorrow", "1w": "in a week", "1m": "in a month", "1q": "in a quarter"}
_EXAMPLES: Final = (
    (
        "Fed minutes show growing support for a September rate cut",
        {
            "Domain": "PolicyOutcome",
            "Proxy": "US 2-year yield",
            "Prob": "62%",
            "Claim": "US 2-year yield falls below 3.70%",
            "Rationale": "It falls because dovish minutes let traders price an earlier cut",
            "Risk": "If payrolls beat forecasts",
            "Confidence": "2",
        },
    ),
    (
        "Nvidia supplier raises full-year guidance on AI demand",
        {
            "Domain": "CompanyEvent",
            "Proxy": "NVDA",
            "Prob": "58%",
            "Claim": "NVDA rises above 180",
            "Rationale": "It rises because higher guidance points to firm chip orders",
            "Risk": "If tech stocks sell off",
            "Confidence": "2",
        },
    ),
)
"""Chosen by how likely SmolLM2-135M is to keep the form after them: equal confidence makes it end the line there, a
sentence as Rationale keeps it from skipping to Risk, and a company last is what most headlines are about."""

SYSTEM: Final = (
    "Turn a headline into one falsifiable market forecast. Answer with one line of eight slots: "
    "Domain=; Proxy=; Horizon=; Prob=%; Claim=; Rationale=; Risk=; Confidence=."
)


def shown(headline: str) -> str:
    """The headline as the model sees it: one line of at most MOST_HEADLINE characters, nothing that ends its quotes."""
    plain = "".join(character if character.isprintable() else " " for character in headline)
    line = " ".join(plain.translate(_HARMLESS).split())
    whole = line[: MOST_HEADLINE + 1].rpartition(" ")[0]
    return line if len(line) <= MOST_HEADLINE else whole or line[:MOST_HEADLINE]


def _question(headline: str) -> ChatMessage:
    return {"role": "user", "content": f'Headline: "{shown(headline)}"'}


def _answer(slots: dict[str, str], horizon: Horizon) -> ChatMessage:
    dated = slots | {"Horizon": horizon, "Claim": f"{slots['Claim']} {_BY[horizon]}"}
    return {"role": "assistant", "content": render(dated)}


def messages(headline: str, horizon: Horizon) -> list[ChatMessage]:
    """The chat that asks for a forecast from a headline; the examples look as far ahead as the run does."""
    turns: list[ChatMessage] = [{"role": "system", "content": SYSTEM}]
    for example, slots in _EXAMPLES:
        turns += [_question(example), _answer(slots, horizon)]
    return [*turns, _question(headline)]
