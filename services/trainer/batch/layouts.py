"""Layouts of a pack as model input: each prompt once in one sequence, or once per answer in rows.

The last token of an answer predicts nothing and is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from services.trainer.batch.tensors import PackedBatch
from services.trainer.kernels.attention import Span


@dataclass(frozen=True, eq=False)
class Layout:
    """A model's input. `mask` is true where attention may look: per place, or per pair of places for one row.

    `sources` is the place, of all rows × places, from which each answer token is predicted, 0 beyond an answer's end.
    `spans` are the lengths of prompt and answers, group after group, of one row that holds them; empty answers
    are left out.
    """

    ids: Int[Tensor, "rows places"]
    positions: Int[Tensor, "rows places"]
    mask: Bool[Tensor, "rows places"] | Bool[Tensor, "1 1 places places"]
    sources: Int[Tensor, "answers tokens"]
    spans: tuple[Span, ...] | None = None


def packed(pack: PackedBatch) -> Layout:
    """One sequence [prompt, y1 … yB], group after group: an answer attends to its prompt and to itself only.

    The positions of an answer continue its prompt's, as if it were the only one.
    """
    device = pack.answers.device
    pieces: list[Tensor] = []
    stems: list[int] = []
    for prompt, answers in zip(pack.prompts, _answers(pack), strict=True):
        stems += [len(pieces)] * (1 + len(answers))
        pieces += [prompt, *answers]
    lengths = [[len(answer) for answer in answers] for answers in _answers(pack)]
    sizes, stem = torch.tensor([len(piece) for piece in pieces]), torch.tensor(stems)
    begins = sizes.cumsum(0) - sizes
    is_answer = stem != torch.arange(len(pieces))
    piece = torch.repeat_interleave(sizes)
    positions = torch.arange(len(piece)) - begins[piece] + (sizes[stem] * is_answer)[piece]
    sources = begins[is_answer][:, None] + torch.arange(-1, pack.mask.size(1) - 1)
    sources[:, 0] = (begins + sizes)[stem[is_answer]] - 1
    # an answer attends to its own piece and its group's prompt, never to a sibling
    visible = (piece[:, None] == piece) | (stem[piece][:, None] == piece)
    return Layout(
        ids=torch.cat(pieces)[None],
        positions=positions[None].to(device),
        mask=visible.tril()[None, None].to(device),
        sources=sources.to(device) * pack.mask,
        spans=tuple(
            (len(prompt), tuple(filter(None, answers))) for prompt, answers in zip(pack.prompts, lengths, strict=True)
        ),
    )


def plain(pack: PackedBatch) -> Layout:
    """A row [prompt, answer] for each answer, padded on the right, which any causal model supports."""
    device = pack.answers.device
    pairs = [
        (prompt, answer) for prompt, answers in zip(pack.prompts, _answers(pack), strict=True) for answer in answers
    ]
    ids = pad_sequence([torch.cat(pair) for pair in pairs], batch_first=True)
    rows, places = torch.arange(len(pairs), device=device), torch.arange(ids.size(1), device=device)
    prompts = torch.tensor([len(prompt) for prompt, _ in pairs], device=device)
    lengths = torch.tensor([len(prompt) + len(answer) for prompt, answer in pairs], device=device)
    first = rows * ids.size(1) + prompts - 1
    sources = first[:, None] + torch.arange(pack.mask.size(1), device=device)
    return Layout(ids, places.expand_as(ids), places < lengths[:, None], sources * pack.mask)


def _answers(pack: PackedBatch) -> list[list[Int[Tensor, " _"]]]:
    """Per group, each answer without its last token."""
    lengths = (pack.mask.sum(1) - 1).clamp(min=0).tolist()
    laid = [answer[:length] for answer, length in zip(pack.answers, lengths, strict=True)]
    ends = list(accumulate(pack.sizes))
    return [laid[end - size : end] for end, size in zip(ends, pack.sizes, strict=True)]
