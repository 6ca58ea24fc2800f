"""Rows that are decoded together by one policy, at least one token each per step."""

from __future__ import annotations

from collections.abc import Sequence as Items

import torch
from torch import Tensor

from services.inference.cpu_engine.decoding.grammar import Grammars, constrain
from services.inference.cpu_engine.decoding.sampling import sample
from services.inference.cpu_engine.decoding.sequence import Decode, Sequence, Token
from services.inference.cpu_engine.model.attention import Answers
from services.inference.cpu_engine.model.decoder import Decoder
from services.inference.cpu_engine.model.keys import Prompt


class Batch:
    """The rows and the keys and values of their answers; `tokens` counts all that were appended.

    `grammars` says which text a guided row must go on with.
    """

    def __init__(self, end_ids: frozenset[int], decode: Decode, grammars: Grammars | None = None) -> None:
        self.rows: list[Sequence] = []
        self.tokens = 0
        self._end_ids, self._decode, self._grammars = end_ids, decode, grammars
        self._answers = Answers()

    @torch.inference_mode()
    def join(self, rows: Items[Sequence], prompts: Items[Prompt]) -> list[Sequence]:
        """Start rows, each from its prompt, with their first tokens; returns those that ended with them."""
        for row in rows:
            self._go_on(row)
        sampled = [(row, prompt) for row, prompt in zip(rows, prompts, strict=True) if not row.tokens and not row.over]
        if sampled:
            self._extend([row for row, _ in sampled], torch.stack([prompt.logits for _, prompt in sampled]))
        for row, prompt in zip(rows, prompts, strict=True):
            if not row.over:
                self.rows.append(row)
                self._answers.join(prompt)
        return [row for row in rows if row.over]

    @torch.inference_mode()
    def step(self, decoder: Decoder) -> list[Sequence]:
        """Feed every row's tokens that the model has not seen and sample its next; returns the rows that ended."""
        waiting = [row.token_ids[stored:] for row, stored in zip(self.rows, self._answers.lengths, strict=True)]
        counts = [len(tokens) for tokens in waiting]
        fed = [tokens[0] for tokens in waiting] + [token for tokens in waiting for token in tokens[1:]]
        positions = self._answers.advance(counts)
        logits = decoder.logits(torch.tensor(fed), positions, self._answers, _last(counts))
        live = [i for i, row in enumerate(self.rows) if not row.over]
        if live:
            self._extend([self.rows[i] for i in live], logits if len(live) == len(counts) else logits[live])
        over = [self.rows[i] for i in live if self.rows[i].over]
        self.close_ranks()
        return over

    def close_ranks(self) -> None:
        """Drop the rows that are over: the last ones take their places."""
        for place in range(len(self.rows) - 1, -1, -1):
            if self.rows[place].over:
                self._answers.leave(place)
                self.rows[place] = self.rows[-1]
                self.rows.pop()

    def _extend(self, rows: list[Sequence], logits: Tensor) -> None:
        constrain(logits, rows)
        for row, token in zip(rows, sample(logits, rows), strict=True):
            self._append(row, token)
            self._go_on(row)

    def _go_on(self, row: Sequence) -> None:
        """Append the tokens of the text that a guided row's grammar forces next."""
        if row.sampling.grammar is None or self._grammars is None:
            return
        for token in self._grammars.forced(row):
            if row.over:
                return
            self._append(row, token)

    def _append(self, row: Sequence, token: Token) -> None:
        row.append(token, self._end_ids, self._decode)
        self.tokens += 1


def _last(counts: list[int]) -> Tensor | slice:
    """Where the last token of each row lies: the first ones of all rows come first, then the further ones."""
    further = torch.tensor(counts) - 1
    if not further.any():
        return slice(None)
    ends = len(counts) + further.cumsum(0) - 1
    return torch.where(further > 0, ends, torch.arange(len(counts)))
