"""Log-probabilities of both layouts against each answer computed on its own by the model's plain forward."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
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
from services.trainer.batch.rules import BatchGroup
from services.trainer.batch.tensors import PackedBatch, to_tensors
from services.trainer.settings import LayoutName
from shared.errors import InvalidInputError
from shared.wire import TrainGroup
from tests.unit.trainer.toys import CPU, rollout

LAYOUTS: tuple[LayoutName, ...] = ("packed", "plain")
SMALL: dict[str, Any] = {
    "vocab_size": 32,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "pad_token_id": 0,
}
Answers = Sequence[Sequence[int]]
ONE: list[tuple[Sequence[int], Answers]] = [((6, 2, 9, 30, 4), ((5, 9, 3, 8), (7, 7), (), (4,)))]
SEVERAL: list[tuple[Sequence[int], Answers]] = [*ONE, ((6,), ((3, 3, 3),)), ((8, 2, 5), ((4,), (9, 1, 9, 1, 9, 1)))]


def pack_of(
    groups: Sequence[tuple[Sequence[int], Answers]], forced: Sequence[int] = (), heat: float = 0.7
) -> PackedBatch:
    """Groups of prompt and answers as a pack; tokens at the forced places of every answer are not counted."""

    items = []
    for prompt, answers in groups:
        rollouts = [rollout(0, answer, 0.0, forced, logprob=-1.0) for answer in answers]
        group = TrainGroup(group_id=0, prompt_token_ids=list(prompt), temperature=heat, rollouts=rollouts)
        items.append(BatchGroup(group, (0.0,) * len(rollouts)))
    return to_tensors(items, 0, CPU)


def alone(model: Any, pack: PackedBatch) -> tuple[Tensor, Tensor]:
    """Both results row by row, from full logits."""
    logps, entropies = torch.zeros(pack.mask.shape), torch.zeros(pack.mask.shape)
    prompts = [prompt for prompt, size in zip(pack.prompts, pack.sizes, strict=True) for _ in range(size)]
    for row, (prompt, length) in enumerate(zip(prompts, pack.mask.sum(1).tolist(), strict=True)):
        answer = pack.answers[row, :length]
        logits = model(torch.cat([prompt, answer])[None]).logits[0, len(prompt) - 1 :]
        every = torch.log_softmax(logits.float() / pack.temperature, -1)[:length]
        logps[row, :length] = every.gather(1, answer[:, None])[:, 0]
        entropies[row, :length] = -(every.exp() * every).sum(1)
    return logps * pack.counted, entropies * pack.counted


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("forced", [(), (0, 2)])
@pytest.mark.parametrize("groups", [ONE, SEVERAL])
def test_a_layout_changes_no_log_probability_entropy_or_gradient(
    tiny_base: Path, groups: list[tuple[Sequence[int], Answers]], forced: Sequence[int], layout: LayoutName
) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_base)
    pack = pack_of(groups, forced)
    shared, entropies = answer_logprobs(model, pack, layout)
    expected, spread = alone(model, pack)
    torch.testing.assert_close(shared, expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(entropies, spread.detach(), rtol=0, atol=1e-5)
    parameters = list(model.parameters())
    ours = torch.autograd.grad(shared.sin().sum(), parameters)
    theirs = torch.autograd.grad(expected.sin().sum(), parameters)
    for own, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize(
    ("kind", "config"),
    [(Qwen3ForCausalLM, Qwen3Config(**SMALL, head_dim=8)), (Qwen2ForCausalLM, Qwen2Config(**SMALL))],
)
def test_log_probabilities_of_qwen_models_match_plain_forward(kind: Any, config: Any, attention: str) -> None:
    torch.manual_seed(3)
    model = kind._from_config(config, attn_implementation=attention)
    pack = pack_of(SEVERAL)
    torch.testing.assert_close(answer_logprobs(model, pack)[0], alone(model, pack)[0], rtol=0, atol=1e-5)


def test_in_bfloat16_the_layouts_agree_to_its_precision(tiny_base: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.bfloat16)
    pack = pack_of(SEVERAL)
    packed, plain = (answer_logprobs(model, pack, layout)[0] for layout in LAYOUTS)
    torch.testing.assert_close(packed, plain, rtol=2e-2, atol=2e-2)


def test_in_bfloat16_the_gradients_of_the_layouts_agree_to_its_precision(tiny_base: Path) -> None:
    gradients = []
    for layout in LAYOUTS:
        model = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.bfloat16)
        logps, _ = answer_logprobs(model, pack_of(SEVERAL), layout)
        torch.autograd.backward([(logps.sum(1) * torch.linspace(-1, 1, len(logps))).sum()])
        gradients.append(torch.cat([one.grad.float().flatten() for one in model.parameters() if one.grad is not None]))
    packed, plain = gradients
    assert plain.norm() > 0
    assert (packed - plain).norm() / plain.norm() < 3e-2


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_token_of_one_answer_has_no_influence_on_another_answer(tiny_base: Path, layout: LayoutName) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_base)
    pack, other = pack_of(SEVERAL), pack_of(SEVERAL)
    other.answers[0, :4] = torch.tensor([11, 12, 13, 14])
    before, after = (answer_logprobs(model, one, layout)[0].detach() for one in (pack, other))
    assert torch.equal(before[1:], after[1:])
    assert (before[0, :4] != after[0, :4]).all()


def test_a_token_of_one_prompt_has_no_influence_on_another_group(tiny_base: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_base)
    pack, other = pack_of(SEVERAL), pack_of(SEVERAL)
    other.prompts[0][1] = 17
    before, after = (answer_logprobs(model, one)[0].detach() for one in (pack, other))
    assert torch.equal(before[4:], after[4:])
    assert (before[:4] != after[:4])[pack.counted[:4]].all()


def test_a_later_token_has_no_influence_on_an_earlier_one(tiny_base: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_base)
    pack, other = pack_of(ONE), pack_of(ONE)
    other.answers[0, 2] = 21
    before, after = (answer_logprobs(model, one)[0].detach() for one in (pack, other))
    assert torch.equal(before[0, :2], after[0, :2])
    assert (before[0, 2:] != after[0, 2:]).all()


def test_a_model_that_reshapes_its_logits_is_refused_by_name() -> None:
    model = LlamaForCausalLM(LlamaConfig(**SMALL, final_logit_softcapping=30.0))
    with pytest.raises(InvalidInputError, match="base_model: a llama model"):
        answer_logprobs(model, pack_of(ONE))


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (MistralForCausalLM(MistralConfig(**SMALL, sliding_window=4)), "some layers of mistral"),
        (
            Qwen2ForCausalLM(Qwen2Config(**SMALL, use_sliding_window=True, sliding_window=4, max_window_layers=1)),
            "some layers of qwen2",
        ),
        (
            LlamaForCausalLM._from_config(LlamaConfig(**SMALL), attn_implementation="flex_attention"),
            "attention flex_attention takes no custom mask",
        ),
    ],
)
def test_model_without_custom_attention_mask_is_refused_with_the_cure(model: Any, reason: str) -> None:
    with pytest.raises(InvalidInputError, match=f"base_model: {reason}.*MORROW_TRAINER_LAYOUT=plain"):
        answer_logprobs(model, pack_of(ONE))


def test_plain_layout_supports_a_model_that_the_packed_one_refuses() -> None:
    torch.manual_seed(4)
    model = MistralForCausalLM(MistralConfig(**SMALL, sliding_window=4))
    pack = pack_of(SEVERAL)
    torch.testing.assert_close(answer_logprobs(model, pack, "plain")[0], alone(model, pack)[0], rtol=0, atol=1e-5)


def test_log_probabilities_with_learned_positions_match_plain_forward() -> None:
    torch.manual_seed(5)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=32, n_positions=32, n_embd=32, n_layer=2, n_head=4)).eval()
    pack = pack_of(SEVERAL)
    torch.testing.assert_close(answer_logprobs(model, pack)[0], alone(model, pack)[0], rtol=0, atol=1e-5)
