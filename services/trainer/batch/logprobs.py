"""Log-probabilities of a pack's answers, with the prompt that a group shares computed once."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from trl.kernels.chunked_logprob import ChunkedLogProbFunction

from services.trainer.batch.layouts import Layout, packed, plain
from services.trainer.batch.tensors import PackedBatch
from services.trainer.kernels.head import head_logprobs
from services.trainer.settings import LayoutName
from shared.errors import InvalidInputError

VOCABULARY_CHUNK = 32_768
"""Vocabulary entries whose logits exist at once; TRL's default."""
_SCALED = ("logit_scale", "output_multiplier", "lm_head_multiplier", "logits_scaling")
_CURE = "set MORROW_TRAINER_LAYOUT=plain, or use a Llama or Qwen type with sdpa attention"


def answer_logprobs(
    model: Any, pack: PackedBatch, layout: LayoutName = "packed"
) -> tuple[Float[Tensor, "answers tokens"], Float[Tensor, "answers tokens"]]:
    """log π(token | prompt, tokens before) at the pack's temperature, and the entropy there in nats.

    Both in float32, 0 except at counted tokens; only at these are logits computed, a piece of the vocabulary at a
    time. Raises InvalidInputError for a model that the layout does not support.
    """
    backbone, head = _parts(model)
    with torch.autocast(pack.answers.device.type, dtype=torch.bfloat16, enabled=pack.answers.is_cuda):
        states = _hidden(backbone, packed(pack) if layout == "packed" else plain(pack), pack.counted)
        scored = _scores(states, head, pack.answers[pack.counted], pack.temperature)
    empty = torch.zeros(pack.mask.shape, dtype=torch.float32, device=pack.answers.device)
    return empty.masked_scatter(pack.counted, scored[0]), empty.masked_scatter(pack.counted, scored[1].detach())


def _scores(states: Tensor, head: Any, tokens: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    if not states.is_cuda and states.dtype == torch.float32 and not head.weight.requires_grad:
        return head_logprobs(states, head.weight, head.bias, tokens, temperature)
    scored: tuple[Tensor, Tensor] = ChunkedLogProbFunction.apply(
        states, head.weight, head.bias, tokens, temperature, VOCABULARY_CHUNK, None, 1.0, ("entropy",)
    )
    return scored


def _hidden(
    backbone: Any, layout: Layout, counted: Bool[Tensor, "answers tokens"]
) -> Float[Tensor, "counted_tokens hidden"]:
    """The hidden states from which the counted tokens are predicted."""
    mask = layout.mask
    if mask.dim() == 4:
        _check_attention(backbone)
        if backbone.config._attn_implementation == "eager":
            # eager attention adds its mask to the scores, where sdpa takes a boolean one
            mask = torch.zeros(mask.shape, dtype=backbone.dtype, device=mask.device).masked_fill(~mask, -torch.inf)
    spans = {"spans": layout.spans} if layout.spans and getattr(backbone, "takes_spans", False) else {}
    hidden = backbone(
        input_ids=layout.ids, attention_mask=mask, position_ids=layout.positions, use_cache=False, **spans
    ).last_hidden_state
    return hidden.flatten(0, 1)[layout.sources[counted]]  # type: ignore[no-any-return]


def _check_attention(backbone: Any) -> None:
    config = backbone.config
    kinds = getattr(config, "layer_types", None)
    window = getattr(config, "sliding_window", None) if kinds is None else None
    if config._attn_implementation not in {"sdpa", "eager"}:
        problem = f"attention {config._attn_implementation} takes no custom mask"
    elif window is not None or set(kinds or ()) - {"full_attention"}:
        problem = f"some layers of {config.model_type} do not attend to the whole sequence"
    elif "position_ids" not in inspect.signature(backbone.forward).parameters:
        problem = f"{config.model_type} takes no position ids"
    else:
        return
    raise InvalidInputError(f"base_model: {problem}, so answers cannot share a prompt; {_CURE}")


def _parts(model: Any) -> tuple[Any, Any]:
    """The decoder without its head, and the head; adapters sit inside the decoder's layers."""
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    config = causal.config.get_text_config()
    scaled = [name for name in _SCALED if getattr(config, name, None) not in (None, 1, 1.0)]
    if scaled or getattr(config, "final_logit_softcapping", None):
        raise InvalidInputError(
            f"base_model: a {config.model_type} model reshapes its logits; use a Llama or Qwen type"
        )
    return causal.base_model, causal.get_output_embeddings()
