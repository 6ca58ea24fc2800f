"""Puts the kernels into a model: a frozen Llama or Qwen type under LoRA, in float32 on a processor.

Any other model is left as it is. The modules' weights and names stay, so what is saved does not change.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from peft.tuners.lora.layer import Linear as LoraLinear
from torch import Tensor, nn

from services.trainer.kernels.attention import Span, group_attention
from services.trainer.kernels.lora import Layer, gated_mlp, project
from services.trainer.kernels.norm import rms_norm, rotate

log = logging.getLogger(__name__)
ATTENTIONS = {"LlamaAttention", "Qwen2Attention", "Qwen3Attention"}
MLPS = {"LlamaMLP", "Qwen2MLP", "Qwen3MLP"}
NORMS = {"LlamaRMSNorm", "Qwen2RMSNorm", "Qwen3RMSNorm"}
ATTENTION_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj")
MLP_LAYERS = ("gate_proj", "up_proj", "down_proj")


def fuse(model: Any) -> bool:
    """Have the model compute with the kernels if it can; whether it does. Its adapter is then always in effect."""
    modules = [(module, type(module).__name__) for module in model.modules()]
    attentions = [module for module, kind in modules if kind in ATTENTIONS]
    mlps = [module for module, kind in modules if kind in MLPS]
    norms = [module for module, kind in modules if kind in NORMS]
    layers = [getattr(module, name, None) for module in attentions for name in ATTENTION_LAYERS]
    layers += [getattr(module, name, None) for module in mlps for name in MLP_LAYERS]
    whole = len(attentions) == len(mlps) == getattr(model.config, "num_hidden_layers", 0)
    plain = all(module.attention_dropout == 0 for module in attentions) and all(_is_silu(module) for module in mlps)
    if not (whole and plain and all(map(_is_simple, layers)) and not any(one.weight.requires_grad for one in norms)):
        log.info("the model computes with transformers' own operations: it is no plain Llama or Qwen under LoRA")
        return False
    for norm in norms:
        norm.forward = partial(rms_norm, weight=norm.weight, epsilon=norm.variance_epsilon)
    for mlp in mlps:
        gate, up, down = (_layer(getattr(mlp, name)) for name in MLP_LAYERS)
        mlp.forward = partial(gated_mlp, gate=gate, up=up, down=down)
    for attention in attentions:
        attention.forward = _Attention(attention)
    model.get_base_model().base_model.takes_spans = True
    return True


def _is_silu(mlp: Any) -> bool:
    return isinstance(mlp.act_fn, nn.SiLU) or type(mlp.act_fn).__name__ == "SiLUActivation"


def _is_simple(module: Any) -> bool:
    """Whether a layer is a frozen linear one in float32 on a processor, under one plain adapter without dropout."""
    if not isinstance(module, LoraLinear) or list(module.lora_A) != list(module.active_adapters):
        return False
    (name,) = module.lora_A
    base, adapter = module.get_base_layer(), (module.lora_A[name], module.lora_B[name])
    weights = [base.weight, *(layer.weight for layer in adapter)]
    return (
        type(base) is nn.Linear
        and not base.weight.requires_grad
        and all(weight.dtype == torch.float32 and weight.device.type == "cpu" for weight in weights)
        and all(layer.bias is None for layer in adapter)
        and isinstance(module.lora_dropout[name], nn.Identity)
        and not module.lora_variant
    )


def _layer(module: Any) -> Layer:
    (name,) = module.lora_A
    base = module.get_base_layer()
    return Layer(base.weight, base.bias, module.lora_A[name].weight, module.lora_B[name].weight, module.scaling[name])


class _Attention:
    """The forward of an attention module: grouped where the call has spans, else its own."""

    def __init__(self, module: Any) -> None:
        self.own, self.scale, self.size = module.forward, module.scaling, module.head_dim
        self.inputs = [_layer(getattr(module, name)) for name in ATTENTION_LAYERS[:3]]
        self.output = _layer(module.o_proj)
        self.norms = [getattr(module, name, None) for name in ("q_norm", "k_norm")]

    def __call__(
        self,
        hidden_states: Tensor,
        position_embeddings: tuple[Tensor, Tensor],
        *args: Any,
        spans: Sequence[Span] | None = None,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor | None]:
        """The attention's output, and no weights."""
        if spans is None:
            own: tuple[Tensor, Tensor | None] = self.own(hidden_states, position_embeddings, *args, **kwargs)
            return own
        outputs = project(hidden_states, self.inputs)
        *turned, values = (output.view(*output.shape[:-1], -1, self.size) for output in outputs)
        normed = [norm(heads) if norm is not None else heads for heads, norm in zip(turned, self.norms, strict=True)]
        queries, keys = (rotate(heads, *position_embeddings) for heads in normed)
        found = group_attention(queries, keys, values, spans, self.scale)
        (output,) = project(found.flatten(2), [self.output])
        return output, None
