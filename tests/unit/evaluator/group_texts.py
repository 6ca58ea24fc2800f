"""Texts that the evaluator's tests share. All were written for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import settings

from services.evaluator.embedder import Vectors
from shared.forecast import TEMPLATE
from shared.wire import GroupToScore, RolloutToScore

unhurried = settings(deadline=None)
"""Hypothesis without a limit per example: a busy machine is no failure."""

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


class WordEmbedder:
    """An embedder of known vectors: one axis per word of a small vocabulary, unit length, counted calls."""

    WORDS = ("rivals", "shares", "fall", "guidance", "shoppers", "weather", "profit", "other")

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Shape (len(texts), 8)."""
        self.asked += texts
        rows = [[float(word in text.casefold()) for word in self.WORDS[:-1]] + [0.001] for text in texts]
        vectors = np.asarray(rows, dtype=np.float32)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)
