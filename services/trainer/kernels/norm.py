"""RMS normalization under a frozen weight, and rotary positions."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


class _RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        size = states.size(-1)
        scale = torch.linalg.vector_norm(states, dim=-1, keepdim=True).square_().div_(size).add_(epsilon).rsqrt_()
        ctx.save_for_backward(states, weight, scale)
        result: Tensor = (states * scale).mul_(weight)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        states, weight, scale = ctx.saved_tensors
        into = gradient * weight
        # d(x s)/dx with s = (mean x² + ε)^-½
        along = (into * states).sum(-1, keepdim=True).mul_(scale.pow(3)).div_(-states.size(-1))
        return into.mul_(scale).addcmul_(states, along), None, None


class _Rotate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _rotated(heads, cos, sin, 1.0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return _rotated(gradient, cos, sin, -1.0), None, None


def _rotated(heads: Tensor, cos: Tensor, sin: Tensor, sign: float) -> Tensor:
    left, right = heads.chunk(2, -1)
    result = torch.empty(heads.shape, dtype=heads.dtype, device=heads.device)
    for target, own, other, way in zip(result.chunk(2, -1), (left, right), (right, left), (-sign, sign), strict=True):
        torch.mul(own, cos, out=target).addcmul_(other, sin, value=way)
    return result


def rms_norm(
    states: Float[Tensor, "*places size"], weight: Float[Tensor, " size"], epsilon: float
) -> Float[Tensor, "*places size"]:
    """x / sqrt(mean x² + ε) times a weight that is not trained."""
    result: Tensor = _RmsNorm.apply(states, weight, epsilon)  # type: ignore[no-untyped-call]
    return result


def rotate(
    heads: Float[Tensor, "rows places heads size"],
    cos: Float[Tensor, "rows places size"],
    sin: Float[Tensor, "rows places size"],
) -> Float[Tensor, "rows places heads size"]:
    """Rotary positions; both halves of cos and of sin are equal, as in every Llama and Qwen type."""
    half = heads.size(-1) // 2
    result: Tensor = _Rotate.apply(heads, cos[..., None, :half], sin[..., None, :half])  # type: ignore[no-untyped-call]
    return result
