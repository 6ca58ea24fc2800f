"""The format `one_line`: eight slots on one line. Its grammar is `shared.forecast`'s slots, judging and near_miss."""

from __future__ import annotations

from itertools import groupby
from typing import Final

from shared.forecast.format import BY_HORIZON, Asked, Example, Format, Kept, RepairPlan
from shared.forecast.formats.one_line.judge import judge
from shared.forecast.formats.one_line.regex import line_regex, slot_regex
from shared.forecast.judgement import Judgement
from shared.forecast.slots import KEYS, TEMPLATE, render
from shared.run_config import Horizon

SYSTEM: Final = (
    "Turn a headline into one falsifiable market forecast. Answer with one line of eight slots: "
    "Domain=; Proxy=; Horizon=; Prob=%; Claim=; Rationale=; Risk=; Confidence=."
)
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

MIN_KEPT: Final = 2
"""Sound slots below which a line is sampled anew rather than repaired."""

MAX_KEPT: Final = 160
"""Characters of a slot that may be kept: a longer one would leave the others no room."""


def examples(horizon: Horizon) -> list[Example]:
    """Two lines that look as far ahead as the run does."""
    dated = [
        (headline, slots | {"Horizon": horizon, "Claim": f"{slots['Claim']} {BY_HORIZON[horizon]}"})
        for headline, slots in _EXAMPLES
    ]
    return [Example(headline, render(slots)) for headline, slots in dated]


def form_score(text: str, headline: str | None = None) -> float:
    """1 of a valid line, otherwise the share of the eight slots that are sound, in [0, 1]."""
    judgement = judge(text, headline)
    return 1.0 if judgement.valid else len(judgement.slots) / len(KEYS)


def _given(key: str) -> str:
    return f"{key}=" if key == KEYS[0] else f" {key}="


def _end(key: str) -> str:
    """A slot's semicolon belongs to it, so that a sampled value ends by choice; the space belongs to the next key."""
    return "" if key == KEYS[-1] else ";"


def _asked(run: list[str], horizon: Horizon) -> Asked:
    whole = "".join(f"{_given(key)}{slot_regex(key, horizon)}{_end(key)}" for key in run)
    return Asked(whole.removeprefix(_given(run[0])))


def repair(judgement: Judgement, horizon: Horizon) -> RepairPlan | None:
    """Keep the sound slots, in canonical order, and ask for each run of slots between them; None below MIN_KEPT."""
    kept = {key: value for key, value in judgement.slots.items() if len(value) <= MAX_KEPT}
    if len(kept) < MIN_KEPT:
        return None
    plan: list[Kept | Asked] = []
    for sound, keys in groupby(KEYS, kept.__contains__):
        run = list(keys)
        if sound:
            plan.append(Kept("".join(f"{_given(key)}{kept[key]}{_end(key)}" for key in run)))
        else:
            plan += [Kept(_given(run[0])), _asked(run, horizon)]
    return tuple(plan)


FORMAT: Final = Format(
    name="one_line",
    prompt_version="1",
    system=SYSTEM,
    template=TEMPLATE,
    stop=("\n",),
    examples=examples,
    judge=judge,
    form_score=form_score,
    regex=line_regex,
    repair=repair,
)
