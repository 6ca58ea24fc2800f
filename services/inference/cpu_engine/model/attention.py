"""Attention of many answers over few prompts: a prompt's keys and values exist once, however many answers share it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

IMPLEMENTATION = "morrow_shared_prompt"
"""The name under which `attention` is known to transformers."""


@dataclass(frozen=True, eq=False)
class Prompt:
    """A prompt that was read: per layer its keys and values [heads, tokens, dim]; the next logits [vocabulary]."""

    ids: tuple[int, ...]
    layers: list[tuple[Tensor, Tensor]]
    logits: Tensor


class Answers:
    """Keys and values of the answers being decoded; row i continues `prompts[i]`.

    Memory is one tensor [layers, 2, rows, heads, tokens, dim] that doubles when the longest answer outgrows it.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.prompts: list[Prompt] = []
        self._kv = torch.empty(0)
        self._width = 0
        self._longest = 0
        self._at: tuple[Tensor, slice, Tensor]
        self._hidden: Tensor
        self._groups: list[tuple[slice | Tensor, Prompt]] = []

    def join(self, prompt: Prompt) -> None:
        """Add a row whose answer has no stored tokens yet."""
        if not self._kv.numel():
            heads, _, dim = prompt.layers[0][0].shape
            shape = (len(prompt.layers), 2, self.capacity, heads, 64, dim)
            self._kv = torch.zeros(shape, dtype=prompt.layers[0][0].dtype)
        self.prompts.append(prompt)

    def keep(self, rows: list[int]) -> None:
        """Drop all rows but these; they close ranks in this order."""
        self._kv[:, :, : len(rows), :, : self._width] = self._kv[:, :, rows, :, : self._width]
        self.prompts = [self.prompts[row] for row in rows]

    def advance(self, lengths: list[int]) -> Tensor:
        """Prepare for one more token in every row; `lengths` counts those stored. Returns its positions [rows, 1]."""
        ends = torch.tensor(lengths)
        self._width = max(lengths) + 1
        room = self._kv.shape[4]
        if self._width > room:
            grown = torch.zeros((*self._kv.shape[:4], 2 * room, self._kv.shape[5]), dtype=self._kv.dtype)
            grown[:, :, : len(lengths), :, :room] = self._kv[:, :, : len(lengths)]
            self._kv = grown
        starts = torch.tensor([len(prompt.ids) for prompt in self.prompts])
        self._longest = int(starts.max())
        self._at = (torch.arange(len(lengths)), slice(None), ends)
        self._hidden = (torch.arange(self._width) > ends[:, None])[:, None, None]
        by_prompt: dict[Prompt, list[int]] = {}
        for row, prompt in enumerate(self.prompts):
            by_prompt.setdefault(prompt, []).append(row)
        self._groups = [(_selector(rows), prompt) for prompt, rows in by_prompt.items()]
        return (starts + ends)[:, None]

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Store each row's new key and value [rows, heads, 1, dim], then attend over its prompt and its answer.

        `query` is [rows, heads x repeats, 1, dim] and scaled; the result has its shape. The queries that share a
        key/value head are taken as one matrix, and those of the rows that share a prompt as well.
        """
        rows, heads, _, dim = key.shape
        keys, values = self._kv[layer, :, :rows, :, : self._width]
        keys[self._at] = key[:, :, 0]
        values[self._at] = value[:, :, 0]
        query = query.view(rows, heads, -1, dim)
        longest = self._longest
        scores = query.new_full((rows, heads, query.shape[2], longest + self._width), -torch.inf)
        for group, prompt in self._groups:
            shared = _together(query[group]) @ prompt.layers[layer][0].transpose(1, 2)
            scores[group, ..., : len(prompt.ids)] = _apart(shared, query.shape[2])
        scores[..., longest:] = (query @ keys.transpose(2, 3)).masked_fill_(self._hidden, -torch.inf)
        weights = scores.softmax(-1)
        result: Tensor = weights[..., longest:] @ values
        for group, prompt in self._groups:
            shared = _together(weights[group, ..., : len(prompt.ids)]) @ prompt.layers[layer][1]
            result[group] += _apart(shared, query.shape[2])
        return result.view(rows, -1, 1, dim)


def _selector(rows: list[int]) -> slice | Tensor:
    """What selects these ascending rows: a slice, which copies nothing, if they lie side by side."""
    first, last = rows[0], rows[-1]
    return slice(first, last + 1) if last - first + 1 == len(rows) else torch.tensor(rows)


def _together(rows: Tensor) -> Tensor:
    """[rows, heads, repeats, x] to [heads, rows x repeats, x]."""
    return rows.transpose(0, 1).reshape(rows.shape[1], -1, rows.shape[3])


def _apart(together: Tensor, repeats: int) -> Tensor:
    """The inverse of `_together`."""
    return together.view(together.shape[0], -1, repeats, together.shape[2]).transpose(0, 1)


def attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    answers: Answers | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """The attention function given to transformers: over `answers` while decoding, plain while reading a prompt."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if answers is None:
        result: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scale, **kwargs
        )
        return result
    return answers.attend(module.layer_idx, query * scale, key, value).transpose(1, 2), None


def register() -> None:
    """Make `attention` known to transformers; loading a model with it comes after."""
    from transformers import AttentionInterface

    AttentionInterface.register(IMPLEMENTATION, attention)
