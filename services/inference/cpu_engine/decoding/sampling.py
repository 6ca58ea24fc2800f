"""Choosing the next token of every row at once. Log-probabilities are those of the distribution sampled from."""

from __future__ import annotations

import torch
from torch import Tensor

from services.inference.cpu_engine.decoding.sequence import Sampling, Sequence, Token
from shared.errors import MorrowError

BLOCK = 128
"""Tokens of a block whose maximum is looked at first."""
MAX_LOGPROBS = 20
"""How many of the likeliest tokens can be reported."""


def candidates(logits: Tensor, settings: list[Sampling]) -> tuple[Tensor, Tensor]:
    """The tokens that may be sampled and their processed log-probabilities, both [rows, k], likeliest first.

    In vLLM's order: temperature, then top-k, then top-p over what top-k left; what is excluded has -inf. A greedy row
    is neither scaled nor cut. `logits` is [rows, vocabulary], already masked by the rows' grammars. All rows are
    sorted only as deep as the largest top_k asks; a row that samples without top-k costs a full sort.
    """
    vocabulary = logits.shape[1]
    greedy = torch.tensor([s.temperature == 0 for s in settings])
    depth = [MAX_LOGPROBS if s.temperature == 0 else s.top_k or vocabulary for s in settings]
    temperature = torch.tensor([s.temperature or 1.0 for s in settings])
    # A sum of probabilities can round to 1 before the last token, which top-p 1 must not lose.
    top_p = torch.tensor([s.top_p if s.top_p < 1 and s.temperature else torch.inf for s in settings])
    values, ids = largest(logits, min(max(depth), vocabulary))
    values = values / temperature[:, None]  # which does not change their order
    excluded = torch.arange(values.shape[1]) >= torch.tensor(depth)[:, None]
    values = values.masked_fill(excluded & ~greedy[:, None], -torch.inf)
    shares = values.softmax(-1)
    values = values.masked_fill(shares.cumsum(-1) - shares >= top_p[:, None], -torch.inf)
    logprobs = values.log_softmax(-1)
    if greedy.any():
        logprobs[greedy] = values[greedy] - logits[greedy].logsumexp(-1, keepdim=True)
    return ids, logprobs


def largest(logits: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` largest of each row and their tokens, both [rows, count], largest first, as `topk` has them.

    The largest lie in the blocks with the largest maxima: with few of many to find, that is quicker to look through.
    """
    rows, vocabulary = logits.shape
    if vocabulary % BLOCK or count * BLOCK * 2 > vocabulary:
        values, tokens = logits.topk(count)
        return values, tokens
    blocks = logits.view(rows, -1, BLOCK)
    chosen = blocks.amax(-1).topk(count).indices
    values, places = blocks.gather(1, chosen[..., None].expand(-1, -1, BLOCK)).flatten(1).topk(count)
    return values, chosen.gather(1, places // BLOCK) * BLOCK + places % BLOCK


def draw(logprobs: Tensor, settings: list[Sampling], generators: list[torch.Generator]) -> Tensor:
    """The rank [rows] of each row's token: one number from the row's own generator through the inverse of its CDF."""
    numbers = torch.cat([torch.rand(1, generator=g, dtype=torch.float64) for g in generators])
    numbers[torch.tensor([s.temperature == 0 for s in settings])] = 0.0
    cdf = logprobs.double().exp().cumsum(-1)
    ranks = (cdf <= numbers[:, None] * cdf[:, -1:]).sum(-1)
    return ranks.minimum(logprobs.isfinite().sum(-1) - 1)


def sample(logits: Tensor, rows: list[Sequence]) -> list[Token]:
    """The next token of each row, from logits [rows, vocabulary] already masked by the rows' grammars.

    Raises MorrowError where no token can be chosen.
    """
    settings = [row.sampling for row in rows]
    ids, logprobs = candidates(logits.float(), settings)
    if not logprobs[:, 0].isfinite().all():
        raise MorrowError("the model's logits are not finite: its weights are damaged")
    ranks = draw(logprobs, settings, [row.generator for row in rows])[:, None]
    chosen: list[int] = ids.gather(1, ranks)[:, 0].tolist()
    chances: list[float] = logprobs.gather(1, ranks)[:, 0].tolist()
    return [
        Token(token, chance, _top(ids[i], logprobs[i], settings[i].logprobs))
        for i, (token, chance) in enumerate(zip(chosen, chances, strict=True))
    ]


def _top(ids: Tensor, logprobs: Tensor, count: int) -> list[tuple[int, float]]:
    if not count:
        return []
    pairs = zip(ids[:count].tolist(), logprobs[:count].tolist(), strict=True)
    return [(token, chance) for token, chance in pairs if chance != -torch.inf]
