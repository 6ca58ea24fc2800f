"""Answers, drafts of repaired answers, and attempts with their cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from shared.forecast import Judgement
from shared.wire import Rung


@dataclass(frozen=True)
class Answer:
    """The answer of a rung. One log-probability (≤ 0) and one flag per token; `forced` ones had no alternative."""

    text: str
    token_ids: list[int]
    logprobs: list[float]
    forced: list[bool]
    finish_reason: Literal["stop", "length"]
    seed: int


@dataclass(frozen=True)
class Attempt:
    """One rung of a rollout: the answer, the verdict on it, and the engine calls and sampled tokens it cost."""

    rung: Rung
    answer: Answer
    judgement: Judgement
    calls: int
    sampled: int


@dataclass
class Draft:
    """A repaired answer under construction, and its cost."""

    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    forced: list[bool] = field(default_factory=list)
    cut: bool = False
    calls: int = 0
    sampled: int = 0

    def keep(self, token_ids: list[int]) -> None:
        """Add tokens that are kept or implied, with log-probability 0 and forced."""
        self.add(token_ids, [0.0] * len(token_ids), [True] * len(token_ids))

    def add(self, token_ids: Sequence[int], logprobs: Sequence[float], forced: Sequence[bool]) -> None:
        """Add tokens."""
        self.token_ids += token_ids
        self.logprobs += logprobs
        self.forced += forced
