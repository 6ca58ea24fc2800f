"""Log-probabilities under a frozen head: logits are computed once and not kept, their gradient is found with them."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import linear

ROWS = 128
"""Tokens whose logits exist at once, twice: 50 MiB with a vocabulary of 49,152."""


class _Scores(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, states: Tensor, weight: Tensor, bias: Tensor | None, tokens: Tensor, temperature: float
    ) -> tuple[Tensor, Tensor]:
        wanted = ctx.needs_input_grad[0]
        logprobs, entropies = states.new_empty(len(states)), states.new_empty(len(states))
        slopes = torch.empty_like(states) if wanted else states.new_empty(0)
        for start in range(0, len(states), ROWS):
            rows = slice(start, start + ROWS)
            logits = linear(states[rows], weight, bias).div_(temperature)
            logits.sub_(logits.amax(1, keepdim=True))
            weights = logits.exp()
            total = weights.sum(1, keepdim=True)
            logprobs[rows] = (logits.gather(1, tokens[rows, None]) - total.log())[:, 0]
            mean = torch.bmm(weights[:, None], logits[:, :, None])[:, 0] / total
            entropies[rows] = (total.log() - mean)[:, 0]
            if wanted:
                # d log p(token) / d state = (W[token] − Σ p W) / T
                slopes[rows] = (weight[tokens[rows]] - (weights @ weight).div_(total)).div_(temperature)
        ctx.save_for_backward(slopes)
        ctx.mark_non_differentiable(entropies)
        return logprobs, entropies

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor, None, None, None, None]:
        (slopes,) = ctx.saved_tensors
        return slopes * gradient[:, None], None, None, None, None


def head_logprobs(
    states: Float[Tensor, "tokens hidden"],
    weight: Float[Tensor, "vocabulary hidden"],
    bias: Float[Tensor, " vocabulary"] | None,
    tokens: Int[Tensor, " tokens"],
    temperature: float,
) -> tuple[Float[Tensor, " tokens"], Float[Tensor, " tokens"]]:
    """log π of each token at a temperature (> 0), and the entropy there in nats, without a gradient."""
    scores: tuple[Tensor, Tensor] = _Scores.apply(states, weight, bias, tokens, temperature)  # type: ignore[no-untyped-call]
    return scores
