"""Each kernel against the same thing written with torch's own operations, forward and backward."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from torch.nn.functional import linear, scaled_dot_product_attention, silu

from services.trainer.kernels.attention import Span, group_attention
from services.trainer.kernels.head import ROWS, head_logprobs
from services.trainer.kernels.lora import Layer, gated_mlp, project
from services.trainer.kernels.norm import rms_norm, rotate


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(7)


def learned(*shape: int) -> Tensor:
    return torch.randn(*shape, requires_grad=True)


def layer(outputs: int, inputs: int, rank: int = 3, bias: bool = False) -> Layer:
    return Layer(
        weight=torch.randn(outputs, inputs),
        bias=torch.randn(outputs) if bias else None,
        down=learned(rank, inputs),
        up=learned(outputs, rank),
        scale=2.0,
    )


def plain(states: Tensor, one: Layer) -> Tensor:
    return linear(states, one.weight, one.bias) + linear(linear(states, one.down), one.up) * one.scale


def adapters(*layers: Layer) -> list[Tensor]:
    return [tensor for one in layers for tensor in (one.down, one.up)]


def check(ours: Sequence[Tensor], theirs: Sequence[Tensor], inputs: Sequence[Tensor]) -> None:
    """Equal outputs, and equal gradients of inputs for one gradient of the outputs."""
    slopes = [torch.randn_like(one) for one in theirs]
    for own, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-4)
    for own, other in zip(
        torch.autograd.grad(ours, inputs, slopes), torch.autograd.grad(theirs, inputs, slopes), strict=True
    ):
        torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-4)


def test_projections_of_one_input_are_those_of_each_layer() -> None:
    states, layers = learned(1, 6, 5), [layer(4, 5, bias=True), layer(2, 5), layer(7, 5, rank=1)]
    check(project(states, layers), [plain(states, one) for one in layers], [states, *adapters(*layers)])


def test_projection_of_an_input_that_is_not_trained_has_the_adapters_gradients() -> None:
    states, one = torch.randn(1, 6, 5), layer(4, 5)
    check(project(states, [one]), [plain(states, one)], adapters(one))


def test_gated_mlp_is_that_of_its_layers() -> None:
    states, gate, up, down = learned(1, 6, 5), layer(8, 5), layer(8, 5), layer(5, 8)
    theirs = plain(silu(plain(states, gate)) * plain(states, up), down)
    check([gated_mlp(states, gate, up, down)], [theirs], [states, *adapters(gate, up, down)])


def test_norm_divides_by_the_root_of_the_mean_square() -> None:
    states, weight = learned(2, 3, 8), torch.randn(8)
    theirs = weight * states * torch.rsqrt(states.pow(2).mean(-1, keepdim=True) + 1e-2)
    check([rms_norm(states, weight, 1e-2)], [theirs], [states])


def test_rotation_turns_each_pair_of_halves() -> None:
    heads, angles = learned(1, 5, 2, 8), torch.randn(1, 5, 4)
    cos, sin = (torch.cat([one, one], -1) for one in (angles.cos(), angles.sin()))
    turned = torch.cat([-heads[..., 4:], heads[..., :4]], -1)
    check([rotate(heads, cos, sin)], [heads * cos[:, :, None] + turned * sin[:, :, None]], [heads])


def visible(spans: Sequence[Span]) -> Tensor:
    """Which place may look at which, pair by pair."""
    owners = [(group, piece) for group, (prompt, answers) in enumerate(spans) for piece, size in
              enumerate((prompt, *answers)) for _ in range(size)]  # fmt: skip
    return torch.tensor(
        [
            [key <= query and owners[key] in ((owners[query][0], 0), owners[query]) for key in range(len(owners))]
            for query in range(len(owners))
        ]
    )


@pytest.mark.parametrize("spans", [[(4, (2, 3, 1))], [(1, ())], [(3, (2,)), (2, ()), (5, (1, 4))]])
def test_attention_of_groups_is_that_under_their_mask(spans: list[Span]) -> None:
    places = sum(prompt + sum(answers) for prompt, answers in spans)
    queries, keys, values = learned(1, places, 4, 8), learned(1, places, 2, 8), learned(1, places, 2, 8)
    own, seen, valued = (
        one.transpose(1, 2) for one in (queries, keys.repeat_interleave(2, 2), values.repeat_interleave(2, 2))
    )
    theirs = scaled_dot_product_attention(own, seen, valued, visible(spans), scale=0.3)
    ours = group_attention(queries, keys, values, spans, 0.3)
    check([ours], [theirs.transpose(1, 2)], [queries, keys, values])


@pytest.mark.parametrize("count", [1, ROWS, ROWS + 1])
def test_head_gives_log_probability_entropy_and_gradient(count: int) -> None:
    states, weight, bias, tokens = learned(count, 4), torch.randn(9, 4), torch.randn(9), torch.arange(count) % 9
    every = torch.log_softmax(linear(states, weight, bias) / 0.7, -1)
    logprobs, entropies = head_logprobs(states, weight, bias, tokens, 0.7)
    check([logprobs], [every.gather(1, tokens[:, None])[:, 0]], [states])
    torch.testing.assert_close(entropies, -(every.exp() * every).sum(1).detach())


def test_head_with_a_far_logit_stays_finite() -> None:
    states, weight = torch.tensor([[300.0]]), torch.tensor([[1.0], [-1.0]])
    logprobs, entropies = head_logprobs(states, weight, None, torch.tensor([1]), 1.0)
    assert (logprobs.item(), entropies.item()) == (-600.0, 0.0)
