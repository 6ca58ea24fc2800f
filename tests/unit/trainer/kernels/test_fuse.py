"""Which models compute with the kernels, and that they compute the same."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from services.trainer.batch.logprobs import answer_logprobs
from services.trainer.kernels.fuse import fuse
from services.trainer.settings import LayoutName
from tests.unit.trainer.batch.test_logprobs import SEVERAL, SMALL, pack_of
from tests.unit.trainer.toys import gradient

KINDS = [
    (LlamaForCausalLM, LlamaConfig(**SMALL)),
    (LlamaForCausalLM, LlamaConfig(**SMALL, attention_bias=True)),
    (Qwen2ForCausalLM, Qwen2Config(**SMALL)),
    (Qwen3ForCausalLM, Qwen3Config(**SMALL, head_dim=8)),
]


def policy(kind: Any, config: Any, **lora: Any) -> Any:
    """A random model with an adapter that changes its predictions."""
    torch.manual_seed(3)
    settings = {"task_type": "CAUSAL_LM", "r": 4, "lora_alpha": 8, "target_modules": "all-linear"} | lora
    model = get_peft_model(kind._from_config(config), LoraConfig(**settings))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.1)
    return model


@pytest.mark.parametrize("layout", ["packed", "plain"])
@pytest.mark.parametrize(("kind", "config"), KINDS)
def test_a_fused_model_gives_the_same_figures_and_gradient(kind: Any, config: Any, layout: LayoutName) -> None:
    found = []
    for fused in (False, True):
        model, pack = policy(kind, config), pack_of(SEVERAL, forced=(1,))
        assert not fused or fuse(model)
        logprobs, entropies = answer_logprobs(model, pack, layout)
        torch.autograd.backward([logprobs.sin().sum()])
        found.append((logprobs.detach(), entropies, gradient(model)))
    for own, other in zip(*found, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "model",
    [
        policy(MistralForCausalLM, MistralConfig(**SMALL)),
        policy(LlamaForCausalLM, LlamaConfig(**SMALL), lora_dropout=0.1),
        policy(LlamaForCausalLM, LlamaConfig(**SMALL), use_dora=True),
        policy(LlamaForCausalLM, LlamaConfig(**SMALL), target_modules=["q_proj"]),
        policy(LlamaForCausalLM, LlamaConfig(**SMALL, hidden_act="gelu")),
        policy(LlamaForCausalLM, LlamaConfig(**SMALL, attention_dropout=0.1)),
        policy(LlamaForCausalLM, LlamaConfig(**SMALL)).to(torch.bfloat16),
    ],
    ids=["type", "dropout", "dora", "some layers", "activation", "attention dropout", "bfloat16"],
)
def test_a_model_that_the_kernels_do_not_compute_is_left_as_it_is(model: Any) -> None:
    forwards = [module.forward for module in model.modules()]
    assert not fuse(model)
    assert [module.forward for module in model.modules()] == forwards
