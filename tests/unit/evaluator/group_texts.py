"""Texts that the evaluator's tests share. All were written for them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import settings

from services.evaluator.dependencies import Dependencies
from services.evaluator.embeddings.model import Vectors
from services.evaluator.inputs import ScoringInputs
from services.evaluator.rankers import Pool, Ranking, make_ranker
from services.evaluator.service import pool_of
from shared.forecast import TEMPLATE
from shared.run_config import RunConfig
from shared.wire import GroupToScore, PriceSeries, RolloutToScore

unhurried = settings(deadline=None)
"""Hypothesis without a limit per example: a busy machine is no failure."""

few = settings(deadline=None, max_examples=25)
"""The same for what costs more."""

FIRST_EXAMPLE = (
    "Domain=MarketMove; Proxy=XLE; Horizon=1d; Prob=62%; Claim=XLE closes above 91 tomorrow; "
    "Rationale=Pipeline outage tightens supply before the OPEC meeting; Risk=hawkish surprise; Confidence=2"
)
SECOND_EXAMPLE = (
    "Domain=MacroIndicator; Proxy=TLT; Horizon=1w; Prob=55%; Claim=Buy TLT as long yields drop 12 bps by Thursday; "
    "Rationale=Soft payrolls raise odds of a rate cut; Risk=hot inflation; Confidence=1"
)
HEADLINE = "Harbor Foods cuts guidance as shoppers trade down"
PROMPT = (
    f"<|im_start|>system\nWrite one line in this form:\n{TEMPLATE}<|im_end|>\n"
    f"<|im_start|>user\nHeadline: Storm shuts a Gulf pipeline<|im_end|>\n"
    f"<|im_start|>assistant\n{FIRST_EXAMPLE}<|im_end|>\n"
    f"<|im_start|>user\nHeadline: Hiring slows for a third month<|im_end|>\n"
    f"<|im_start|>assistant\n{SECOND_EXAMPLE}<|im_end|>\n"
    f"<|im_start|>user\nHeadline: {HEADLINE}<|im_end|>\n<|im_start|>assistant\n"
)
OWN = (
    "Domain=CompanyEvent; Proxy=KHC; Horizon=1w; Prob=60%; Claim=KHC falls at least 3% by Monday; "
    "Rationale=Weak earnings spread to rivals; Risk=takeover unless buyers walk; Confidence=2"
)
"""A forecast of all six parts in words of its own."""


def group(*texts: str, headline: str = HEADLINE, prompt: str = PROMPT) -> GroupToScore:
    """A group of these texts, numbered from 0."""
    rollouts = [RolloutToScore(rollout_id=i, text=text) for i, text in enumerate(texts)]
    return GroupToScore(group_id=1, headline=headline, prompt_text=prompt, rollouts=rollouts)


DAY = dt.date(2025, 8, 18)
"""A Monday."""


def closes(symbol: str, *values: float, aliases: Sequence[str] = (), first: dt.date = DAY) -> PriceSeries:
    """A series of one close a day from `first` on."""
    dates = [first + dt.timedelta(days=i) for i in range(len(values))]
    return PriceSeries(symbol=symbol, aliases=list(aliases), dates=dates, closes=list(values))


def inputs(outcomes: Sequence[str] = ("Rivals see profit",), **config: Any) -> ScoringInputs:
    """A inputs of a configuration with these changes."""
    settings = RunConfig.model_validate(config)
    return ScoringInputs(settings, outcomes, settings.bonus)


def ranked(scored: GroupToScore, of: ScoringInputs, dependencies: Dependencies | None = None) -> Ranking:
    """The ranking of a group by the ranker that its inputs names."""
    return make_ranker(of.config.ranker, dependencies or Dependencies(WordEmbedder()), of).rank(pool_of(scored, of))


def pool(*texts: str, reference: Sequence[str] = (), of: ScoringInputs | None = None) -> Pool:
    """The pool of a group of these texts."""
    return pool_of(group(*texts).model_copy(update={"reference": list(reference)}), of or inputs())


def priced(of: ScoringInputs, *series: PriceSeries) -> ScoringInputs:
    """The inputs with prices, on DAY."""
    return replace(of, prices=series, date=DAY)


class LeaningEngine:
    """A judge that prefers what holds more of its words, and leans to the letter A by `prior` (in log-odds)."""

    def __init__(self, prior: float = 0.0, words: Sequence[str] = ("rivals", "profit", "shares", "weather")) -> None:
        self.prior, self.words = prior, words
        self.prompts: list[str] = []

    def merit(self, text: str) -> float:
        """How much the judge likes a text."""
        return sum(word in text.casefold() for word in self.words) + len(text) % 7 / 10

    def first_letter(self, prompts: Sequence[str], between: Callable[[], None]) -> list[float]:
        """Logistic in prior and difference of merits."""
        shares = []
        for prompt in prompts:
            between()
            first, second = (part.split("<<<")[1].split(">>>")[0] for part in prompt.split("Forecast (")[1:3])
            shares.append(1 / (1 + math.exp(-self.prior - self.merit(first) + self.merit(second))))
        self.prompts += prompts
        return shares


class WordEmbedder:
    """An embedder of known vectors: one axis per word of a small vocabulary, unit length, counted calls."""

    WORDS = ("rivals", "shares", "fall", "guidance", "shoppers", "weather", "profit", "other")

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Shape (len(texts), 8)."""
        self.texts += texts
        rows = [[float(word in text.casefold()) for word in self.WORDS[:-1]] + [0.001] for text in texts]
        vectors = np.asarray(rows, dtype=np.float32)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)
