"""Rows that are decoded together by one policy, one token each per step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.inference.cpu_engine.decoding.grammar import constrain
from services.inference.cpu_engine.decoding.sampling import sample
from services.inference.cpu_engine.decoding.sequence import Decode, Sequence
from services.inference.cpu_engine.model.attention import Answers, Prompt

WORTH_CLOSING = 8
"""Finished rows are dropped when they are one in this many: closing ranks copies the cache."""


class Batch:
    """The rows and the keys and values of their answers."""

    def __init__(self, capacity: int, end_ids: frozenset[int], decode: Decode) -> None:
        self.rows: list[Sequence] = []
        self._answers = Answers(capacity)
        self._end_ids = end_ids
        self._decode = decode

    @property
    def free(self) -> int:
        """How many rows may join."""
        return self._answers.capacity - len(self.rows)

    @torch.inference_mode()
    def join(self, rows: list[Sequence], prompt: Prompt) -> list[Sequence]:
        """Start rows that share a prompt with their first token; returns those that ended with it."""
        over = self._extend(rows, prompt.logits.repeat(len(rows), 1))
        for row in rows:
            if not row.over:
                self.rows.append(row)
                self._answers.join(prompt)
        return over

    @torch.inference_mode()
    def step(self, model: Any) -> list[Sequence]:
        """One more token for every row; returns the rows that ended."""
        token = torch.tensor([[row.tokens[-1].id] for row in self.rows])
        positions = self._answers.advance([len(row.tokens) - 1 for row in self.rows])
        logits = model(input_ids=token, position_ids=positions, use_cache=False, answers=self._answers).logits[:, -1]
        live = [i for i, row in enumerate(self.rows) if not row.over]
        over = self._extend([self.rows[i] for i in live], logits if len(live) == len(self.rows) else logits[live])
        self.close_ranks()
        return over

    def close_ranks(self) -> None:
        """Drop the rows that are over, once there are enough of them."""
        live = [i for i, row in enumerate(self.rows) if not row.over]
        if (len(self.rows) - len(live)) * WORTH_CLOSING > len(live):
            self.rows = [self.rows[i] for i in live]
            self._answers.keep(live)

    def _extend(self, rows: list[Sequence], logits: Tensor) -> list[Sequence]:
        if not rows:
            return []
        constrain(logits, rows)
        for row, token in zip(rows, sample(logits, rows), strict=True):
            row.append(token, self._end_ids, self._decode)
        return [row for row in rows if row.over]
