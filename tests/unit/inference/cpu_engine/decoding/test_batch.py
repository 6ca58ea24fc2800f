"""The shared-prompt attention against a plain forward pass, in float64, where nothing but the order of sums differs."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from services.inference.cpu_engine.decoding.batch import Batch
from services.inference.cpu_engine.decoding.prompts import Prompts
from services.inference.cpu_engine.decoding.sequence import Request, Sampling, Sequence
from services.inference.cpu_engine.model.attention import IMPLEMENTATION, Answers, register

SHORT, LONG = (5, 9, 3), (5, 9, 3, 40, 41, 42, 43, 7)


@pytest.fixture(scope="module")
def model() -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    register()
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.3,
        attn_implementation=IMPLEMENTATION,
    )
    return LlamaForCausalLM(config).double().eval()


def plain_logits(model: Any, ids: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = model(torch.tensor([ids]), use_cache=False).logits[0, -1]
    return logits


def test_a_prompt_read_in_two_parts_equals_one_read_at_once(model: Any) -> None:
    prompts = Prompts(100)
    prompts.read(model, "base", SHORT)
    in_parts = prompts.read(model, "base", LONG)
    at_once = Prompts(100).read(model, "base", LONG)
    assert prompts.tokens_reused == 3
    torch.testing.assert_close(in_parts.logits, at_once.logits)
    torch.testing.assert_close(in_parts.layers[1], at_once.layers[1])
    torch.testing.assert_close(at_once.logits, plain_logits(model, list(LONG)))


def test_what_was_read_is_kept_by_policy_up_to_a_limit(model: Any) -> None:
    prompts = Prompts(10)
    first = prompts.read(model, "base", SHORT)
    assert prompts.read(model, "base", SHORT) is first
    assert prompts.read(model, "tuned", SHORT) is not first
    prompts.read(model, "base", LONG)
    assert prompts.read(model, "base", SHORT) is not first
    kept = prompts.read(model, "base", SHORT)
    prompts.drop("base")
    assert prompts.read(model, "base", SHORT) is not kept


def test_each_row_attends_to_its_own_prompt_and_answer(model: Any) -> None:
    answers, prompts = Answers(4), Prompts(100)
    rows = [(SHORT, [11, 12]), (LONG, [14, 15, 16]), (SHORT, [13]), (LONG, [17, 18])]
    for prompt, _ in rows:
        answers.join(prompts.read(model, "base", prompt))
    for step in range(3):
        # A row whose answer is shorter repeats its last token in place, as a finished row does.
        at = [min(step, len(answer) - 1) for _, answer in rows]
        with torch.inference_mode():
            tokens = torch.tensor([[answer[i]] for (_, answer), i in zip(rows, at, strict=True)])
            positions = answers.advance(at)
            logits = model(input_ids=tokens, position_ids=positions, use_cache=False, answers=answers).logits[:, -1]
    for row, (prompt, answer) in enumerate(rows):
        torch.testing.assert_close(logits[row], plain_logits(model, [*prompt, *answer]))


def decoded(model: Any, requests: list[Request], late: Request | None = None) -> list[Sequence]:
    """Decode requests together; `late` joins after three steps."""
    batch, prompts = Batch(32, frozenset({0}), str), Prompts(100)
    over: list[Sequence] = []
    for step in range(200):
        for request in requests if step == 0 else [late] if late and step == 3 else []:
            over += batch.join(request.begin(), prompts.read(model, "base", request.prompt_ids))
        if batch.rows:
            over += batch.step(model)
    return over


def test_rows_that_end_and_rows_that_join_do_not_disturb_the_others(model: Any) -> None:
    def request(i: int) -> Request:
        sampling = Sampling(max_tokens=3 + 9 * i, seed=i, top_k=20, ignore_eos=True)
        return Request("base", (SHORT, LONG)[i % 2], sampling, n=1 + i % 3)

    alone = {(i, row.index): row for i in range(9) for row in decoded(model, [request(i)])}
    requests = [request(i) for i in range(9)]
    together = decoded(model, requests[:8], late=requests[8])
    assert len(together) == len(alone) == 18
    for row in together:
        other = alone[requests.index(row.request), row.index]
        assert row.token_ids == other.token_ids
        assert [t.logprob for t in row.tokens] == pytest.approx([t.logprob for t in other.tokens], abs=1e-5)


def test_an_answer_of_one_token_never_joins(model: Any) -> None:
    batch = Batch(2, frozenset({0}), str)
    request = Request("base", SHORT, Sampling(max_tokens=1))
    over = batch.join(request.begin(), Prompts(10).read(model, "base", SHORT))
    assert [len(row.tokens) for row in over] == [1]
    assert batch.rows == []
