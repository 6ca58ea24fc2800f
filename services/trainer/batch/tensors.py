"""Some groups of the batch as tensors: what is computed in one forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from services.trainer.batch.rules import BatchGroup


@dataclass(frozen=True, eq=False)
class Pack:
    """Groups sampled at one temperature; their B answers are rows, group after group, padded on the right to [B, T].

    `prompts` holds one [P ≥ 1] per group and `sizes` how many rows are its answers; `advantages` is [B]. `mask` is
    true at tokens, `counted` at tokens that the grammar did not force: only these are in a mean.
    """

    prompts: tuple[Tensor, ...]
    sizes: tuple[int, ...]
    answers: Tensor
    mask: Tensor
    counted: Tensor
    sampler_logps: Tensor
    advantages: Tensor
    temperature: float


def make_pack(groups: Sequence[BatchGroup], pad: int, device: torch.device) -> Pack:
    """The tensors of one or more groups of one temperature."""

    def padded(rows: list[tuple[Any, ...]], dtype: torch.dtype, value: float) -> Tensor:
        tensors = [torch.tensor(row, dtype=dtype) for row in rows]
        return pad_sequence(tensors, batch_first=True, padding_value=value).to(device)

    rows = [row for group in groups for row in group.rows]
    return Pack(
        prompts=tuple(torch.tensor(group.prompt_token_ids, dtype=torch.long, device=device) for group in groups),
        sizes=tuple(len(group.rows) for group in groups),
        answers=padded([row.token_ids for row in rows], torch.long, pad),
        mask=padded([(True,) * len(row.token_ids) for row in rows], torch.bool, False),
        counted=padded([row.counted for row in rows], torch.bool, False),
        sampler_logps=padded([row.sampler_logprobs for row in rows], torch.float32, 0.0),
        advantages=torch.tensor([row.advantage for row in rows], dtype=torch.float32, device=device),
        temperature=groups[0].temperature,
    )
