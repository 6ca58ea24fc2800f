"""What a format of forecasts is: everything that sampling, repairing and judging need to know of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from shared.forecast.judgement import Judgement
from shared.run_config import Horizon

BY_HORIZON: Final[dict[Horizon, str]] = {
    "1d": "by tomorrow",
    "1w": "in a week",
    "1m": "in a month",
    "1q": "in a quarter",
}
"""When a forecast is settled, in words."""


@dataclass(frozen=True)
class Example:
    """A worked example: a headline and the answer that is wanted of it."""

    headline: str
    answer: str


@dataclass(frozen=True)
class Kept:
    """Text of a repaired answer that the engine is not asked for: what was sound before, or a key that is given."""

    text: str


@dataclass(frozen=True)
class Asked:
    """A stretch of a repaired answer that is sampled by one engine call, all of it under `regex`."""

    regex: str


RepairPlan = tuple[Kept | Asked, ...]
"""The stretches of a repaired answer in order; joined they are the answer."""


def no_repair(judgement: Judgement, horizon: Horizon) -> RepairPlan | None:  # noqa: ARG001 - a format's repair
    """The repair of a format that has none."""
    return None


class Judge(Protocol):
    """Judges any text, without raising. With a headline, a part that repeats it fails."""

    def __call__(self, text: str, headline: str | None = None) -> Judgement: ...


class FormScore(Protocol):
    """How much of the form a text keeps, in [0, 1]: 1 if it is valid; a text that keeps none of it has 0."""

    def __call__(self, text: str, headline: str | None = None) -> float: ...


@dataclass(frozen=True)
class Format:
    """A format of forecasts. Pure: nothing of it does I/O, and nothing raises on any text.

    `prompt_version` changes with every change of `system` or `examples`: forecasts under different prompts are not
    comparable. `template` is the form in words, whose words are never a forecast's own. `stop` are the texts that end
    an answer and are cut from it. `regex` is of valid answers, for a constrained decoder: no lookaround, every
    repetition bounded. `repair` keeps what is sound of a malformed answer; None where too little is.
    """

    name: str
    prompt_version: str
    system: str
    template: str
    stop: tuple[str, ...]
    examples: Callable[[Horizon], list[Example]]
    judge: Judge
    form_score: FormScore
    regex: Callable[[Horizon], str]
    repair: Callable[[Judgement, Horizon], RepairPlan | None] = no_repair
