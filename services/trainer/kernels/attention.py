"""Attention of groups in one sequence: the answers of a group in one product against its prompt's keys and their own.

Scores of pairs that may not see one another are not computed: groups in a sequence cost what they cost apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from torch.nn.utils.rnn import pad_sequence

Span = tuple[int, tuple[int, ...]]
"""The tokens of a group's prompt (≥ 1), and of each of its answers (≥ 1) after it."""


@lru_cache(maxsize=16)
def _causal(queries: int, keys: int, repeats: int) -> Float[Tensor, "queries keys"]:
    """0 where a query may look, −∞ elsewhere: the last queries of as many keys, once for each of some heads."""
    visible = torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)
    return torch.zeros(queries, keys).masked_fill_(~visible, -torch.inf).repeat(repeats, 1)


def _attend(
    queries: Float[Tensor, "rows queries heads size"],
    keys: Float[Tensor, "rows keys shared size"],
    values: Float[Tensor, "rows keys shared size"],
    scale: float,
) -> Float[Tensor, "rows queries heads size"]:
    """Causal attention. Heads that share keys are taken as more queries of one head, so that no key is repeated."""
    rows, length, heads, size = queries.shape
    shared = keys.size(2)
    folded = queries.transpose(1, 2).reshape(rows, shared, heads // shared * length, size)
    mask = _causal(length, keys.size(1), heads // shared)
    found = scaled_dot_product_attention(folded, keys.transpose(1, 2), values.transpose(1, 2), mask, scale=scale)
    return found.reshape(rows, heads, length, size).transpose(1, 2)


def group_attention(
    queries: Float[Tensor, "1 places heads size"],
    keys: Float[Tensor, "1 places shared size"],
    values: Float[Tensor, "1 places shared size"],
    spans: Sequence[Span],
    scale: float,
) -> Float[Tensor, "1 places heads size"]:
    """Attention of each prompt's tokens among themselves, and of each answer's to its prompt's and to its own."""
    sizes = [size for prompt, answers in spans for size in (prompt, *answers)]
    parts = list(zip(*(torch.split(tensor[0], sizes) for tensor in (queries, keys, values)), strict=True))
    outputs: list[Tensor] = []
    for _, answers in spans:
        prompt, *rest = parts[: 1 + len(answers)]
        del parts[: 1 + len(answers)]
        queried, seen, valued = (tensor[None] for tensor in prompt)
        outputs.append(_attend(queried, seen, valued, scale)[0])
        if rest:
            # padding is on the right, where only padding sees it
            own = [pad_sequence(list(tensors), batch_first=True) for tensors in zip(*rest, strict=True)]
            seen, valued = (
                torch.cat([tensor.expand(len(answers), *tensor.shape), padded], 1)
                for tensor, padded in zip(prompt[1:], own[1:], strict=True)
            )
            found = _attend(own[0], seen, valued, scale)
            outputs += [row[:length] for row, length in zip(found, answers, strict=True)]
    return torch.cat(outputs)[None]
