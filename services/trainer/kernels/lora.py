"""Frozen linear layers under LoRA: y = x Wᵀ + b + s (x Aᵀ) Bᵀ, several of one input together, and a gated MLP of them.

The adapter's products are added inside the base's (`addmm_`), forward and backward, and the A of layers that share an
input are one product. Only what the backward pass needs is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import linear, silu


@dataclass(frozen=True, eq=False)
class Layer:
    """A linear layer's frozen weight and bias, its adapter, and the adapter's scale."""

    weight: Float[Tensor, "outputs inputs"]
    bias: Float[Tensor, " outputs"] | None
    down: Float[Tensor, "rank inputs"]
    up: Float[Tensor, "outputs rank"]
    scale: float


def forward(
    rows: Float[Tensor, "rows inputs"], layers: Sequence[Layer]
) -> tuple[list[Float[Tensor, "rows outputs"]], list[Float[Tensor, "rows rank"]]]:
    """The output of each layer, and its adapter's inner product."""
    inner = linear(rows, torch.cat([layer.down for layer in layers]))
    parts = list(torch.split(inner, [len(layer.down) for layer in layers], 1))
    outputs = []
    for layer, part in zip(layers, parts, strict=True):
        output = linear(rows, layer.weight, layer.bias)
        outputs.append(output.addmm_(part, layer.up.T, alpha=layer.scale))
    return outputs, parts


def backward(
    rows: Float[Tensor, "rows inputs"],
    layers: Sequence[Layer],
    parts: Sequence[Float[Tensor, "rows rank"]],
    gradients: Sequence[Float[Tensor, "rows outputs"]],
    wanted: bool = True,
) -> tuple[Float[Tensor, "rows inputs"] | None, list[Tensor]]:
    """The gradient of the input, None if it is not wanted, and those of each layer's `down` and `up` in turn."""
    inner = torch.cat(
        [(gradient @ layer.up).mul_(layer.scale) for layer, gradient in zip(layers, gradients, strict=True)], 1
    )
    downs = torch.split(inner.T @ rows, [len(layer.down) for layer in layers])
    adapters: list[Tensor] = []
    for layer, part, gradient, down in zip(layers, parts, gradients, downs, strict=True):
        adapters += [down, (gradient.T @ part).mul_(layer.scale)]
    if not wanted:
        return None, adapters
    first, *others = zip(layers, gradients, strict=True)
    into = first[1] @ first[0].weight
    for layer, gradient in others:
        into.addmm_(gradient, layer.weight)
    return into.addmm_(inner, torch.cat([layer.down for layer in layers])), adapters


class _Projections(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, layers: Sequence[Layer], *_: Tensor) -> tuple[Tensor, ...]:
        outputs, parts = forward(rows, layers)
        ctx.layers = layers
        ctx.save_for_backward(rows, *parts)
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, *parts = ctx.saved_tensors
        into, adapters = backward(rows, ctx.layers, parts, gradients, ctx.needs_input_grad[0])
        return into, None, *adapters


class _GatedMlp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, layers: Sequence[Layer], *_: Tensor) -> Tensor:
        (gate, up), inner = forward(rows, layers[:2])
        (output,), last = forward(silu(gate).mul_(up), layers[2:])
        ctx.layers = layers
        ctx.save_for_backward(rows, gate, up, *inner, *last)
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        rows, gate, up, *parts = ctx.saved_tensors
        active = silu(gate)
        found, last = backward(active * up, ctx.layers[2:], parts[2:], [gradient])
        into = cast(Tensor, found)
        of_gate = torch.ops.aten.silu_backward(up * into, gate)
        below, first = backward(rows, ctx.layers[:2], parts[:2], [of_gate, active.mul_(into)], ctx.needs_input_grad[0])
        return below, None, *first, *last


def _adapters(layers: Sequence[Layer]) -> list[Tensor]:
    return [tensor for layer in layers for tensor in (layer.down, layer.up)]


def project(states: Float[Tensor, "*places inputs"], layers: Sequence[Layer]) -> list[Float[Tensor, "*places outputs"]]:
    """The outputs of layers that share an input."""
    outputs = _Projections.apply(states.flatten(0, -2), layers, *_adapters(layers))  # type: ignore[no-untyped-call]
    return [output.view(*states.shape[:-1], -1) for output in outputs]


def gated_mlp(
    states: Float[Tensor, "*places hidden"], gate: Layer, up: Layer, down: Layer
) -> Float[Tensor, "*places hidden"]:
    """down(silu(gate(x)) · up(x))."""
    layers = (gate, up, down)
    output: Tensor = _GatedMlp.apply(states.flatten(0, -2), layers, *_adapters(layers))  # type: ignore[no-untyped-call]
    return output.view(states.shape)
