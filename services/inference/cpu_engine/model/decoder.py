"""The forward pass of models of Llama's shape, over tokens that lie one behind the other whatever rows they are of.

Projections of one input are one product (q, k and v; gate and up). The weights are those of a transformers model: its
parameters become views of the joined ones, so that memory holds them once and a change of either is one of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn.functional import embedding, rms_norm, silu

from services.inference.cpu_engine.model.attention import Attention
from services.inference.cpu_engine.model.products import Product, packed
from shared.errors import InvalidInputError

MODEL_TYPES: Final = ("llama", "mistral", "qwen2", "qwen3")
JOINED: Final = {"qkv": ("q_proj", "k_proj", "v_proj"), "gate_up": ("gate_proj", "up_proj")}


@dataclass(frozen=True)
class Layer:
    """The weights of one layer; `query_norm` and `key_norm` [dim] are None where the model has none."""

    qkv: Product
    out: Product
    gate_up: Product
    down: Product
    before_attention: Tensor
    before_mlp: Tensor
    query_norm: Tensor | None
    key_norm: Tensor | None


@dataclass(frozen=True)
class Decoder:
    """A model of `heads` query and `shared` key/value heads of `dim` numbers; cos and sin are [positions, dim]."""

    heads: int
    shared: int
    dim: int
    epsilon: float
    embeddings: Tensor
    layers: tuple[Layer, ...]
    norm: Tensor
    head: Product
    cos: Tensor
    sin: Tensor

    @torch.inference_mode()
    def logits(self, tokens: Tensor, positions: Tensor, attention: Attention, at: Tensor | slice) -> Tensor:
        """One forward pass over tokens [tokens]: next-token logits [chosen, vocabulary] after those that `at` picks.

        Raises IndexError for a token that is not in the vocabulary.
        """
        cos, sin = self.cos[positions][:, None], self.sin[positions][:, None]
        x = embedding(tokens, self.embeddings)
        for number, layer in enumerate(self.layers):
            look = self._attended(number, layer, self._normed(x, layer.before_attention), attention, cos, sin)
            x = x + layer.out(look)
            gate, up = layer.gate_up(self._normed(x, layer.before_mlp)).chunk(2, -1)
            x = x + layer.down(silu(gate).mul_(up))
        return self.head(self._normed(x[at], self.norm))

    def _attended(self, number: int, layer: Layer, x: Tensor, attention: Attention, cos: Tensor, sin: Tensor) -> Tensor:
        joined = layer.qkv(x).view(len(x), self.heads + 2 * self.shared, self.dim)
        if layer.query_norm is not None and layer.key_norm is not None:
            joined[:, : self.heads] = self._normed(joined[:, : self.heads], layer.query_norm)
            keys = slice(self.heads, self.heads + self.shared)
            joined[:, keys] = self._normed(joined[:, keys], layer.key_norm)
        turned = joined[:, : self.heads + self.shared]
        # rotate_half(x) is x rolled by half with the first half negated: `sin` carries the sign.
        turned = torch.addcmul(turned * cos, turned.roll(self.dim // 2, -1), sin)
        query, key = turned[:, : self.heads], turned[:, self.heads :]
        return attention.attend(number, query, key, joined[:, self.heads + self.shared :])

    def _normed(self, x: Tensor, weight: Tensor) -> Tensor:
        return rms_norm(x, (x.shape[-1],), weight, self.epsilon)


def decoder_of(model: Any) -> Decoder:
    """The decoder of a transformers model, whose parameters become views of the joined weights.

    Raises InvalidInputError for a model of another shape than Llama's.
    """
    config = model.config
    _check(config)
    layers = tuple(_layer(layer) for layer in model.model.layers)
    cos, sin = model.model.rotary_emb(
        torch.zeros(1, dtype=model.dtype), torch.arange(config.max_position_embeddings)[None]
    )
    half = cos.shape[-1] // 2
    sign = torch.cat((-torch.ones(half, dtype=sin.dtype), torch.ones(half, dtype=sin.dtype)))
    return Decoder(
        heads=config.num_attention_heads,
        shared=config.num_key_value_heads,
        dim=cos.shape[-1],
        epsilon=config.rms_norm_eps,
        embeddings=model.get_input_embeddings().weight.data,
        layers=layers,
        norm=model.model.norm.weight.data,
        head=_product(model.get_output_embeddings()),
        cos=cos[0],
        sin=sin[0] * sign,
    )


def prepared(decoder: Decoder) -> Decoder:
    """A decoder whose products are packed."""
    return with_changes(decoder, {}, packed(decoder.head.weight, decoder.head))


def with_changes(decoder: Decoder, changes: Mapping[tuple[int, str], Tensor], head: Product) -> Decoder:
    """A decoder with changes added to its layers' weights, by layer and name of the projection, packed; and its head.

    The weights of `decoder` stay as they are.
    """
    layers = []
    for number, layer in enumerate(decoder.layers):
        products: dict[str, Any] = {
            field: packed(_changed(product.weight, [changes.get((number, name)) for name in names], sizes), product)
            for field, names, sizes in _fields(decoder, layer)
            for product in [getattr(layer, field)]
        }
        layers.append(replace(layer, **products))
    return replace(decoder, layers=tuple(layers), head=head)


def _fields(decoder: Decoder, layer: Layer) -> list[tuple[str, tuple[str, ...], list[int]]]:
    queries, keys = decoder.heads * decoder.dim, decoder.shared * decoder.dim
    return [
        ("qkv", JOINED["qkv"], [queries, keys, keys]),
        ("out", ("o_proj",), [len(layer.out.weight)]),
        ("gate_up", JOINED["gate_up"], [len(layer.gate_up.weight) // 2] * 2),
        ("down", ("down_proj",), [len(layer.down.weight)]),
    ]


def _changed(weight: Tensor, changes: list[Tensor | None], sizes: list[int]) -> Tensor:
    if all(change is None for change in changes):
        return weight
    weight = weight.clone()
    for part, change in zip(torch.split(weight, sizes), changes, strict=True):
        if change is not None:
            part.add_(change)
    return weight


def _check(config: Any) -> None:
    rope = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
    windows = set(getattr(config, "layer_types", None) or ()) - {"full_attention"}
    if config.model_type not in MODEL_TYPES:
        problem = f"a model of type {config.model_type}"
    elif windows or (config.model_type == "mistral" and getattr(config, "sliding_window", None)):
        problem = "a model with sliding windows"
    elif rope in ("dynamic", "longrope"):
        problem = f"positions of type {rope}"
    elif config.hidden_act != "silu":
        problem = f"the activation {config.hidden_act}"
    else:
        return
    raise InvalidInputError(
        f"base_model: the CPU engine does not decode {problem}; choose one of {', '.join(MODEL_TYPES)}, or serve it "
        "with vLLM"
    )


def _layer(layer: Any) -> Layer:
    attention, mlp = layer.self_attn, layer.mlp
    norms = (getattr(attention, name, None) for name in ("q_norm", "k_norm"))
    query_norm, key_norm = (None if norm is None else norm.weight.data for norm in norms)
    return Layer(
        qkv=_joined([getattr(attention, name) for name in JOINED["qkv"]]),
        out=_product(attention.o_proj),
        gate_up=_joined([getattr(mlp, name) for name in JOINED["gate_up"]]),
        down=_product(mlp.down_proj),
        before_attention=layer.input_layernorm.weight.data,
        before_mlp=layer.post_attention_layernorm.weight.data,
        query_norm=query_norm,
        key_norm=key_norm,
    )


def _product(module: Any) -> Product:
    return Product(module.weight.data, None if module.bias is None else module.bias.data)


def _joined(modules: list[Any]) -> Product:
    """One product for several modules, whose weights and biases become views of it."""
    joined: dict[str, Tensor | None] = {}
    for name in ("weight", "bias"):
        parts = [getattr(module, name) for module in modules]
        whole = None if parts[0] is None else torch.cat([part.data for part in parts])
        joined[name] = whole
        if whole is not None:
            for part, view in zip(parts, torch.split(whole, [len(part) for part in parts]), strict=True):
                part.data = view
    weight = joined["weight"]
    assert weight is not None  # noqa: S101 - a linear layer has weights
    return Product(weight, joined["bias"])
