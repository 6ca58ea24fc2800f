"""Log-probabilities are those of the distribution that was sampled from, recomputed here from a plain forward pass."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.integration.engine_contract.serving import Served


def plain_logits(engine: Served, prompt: list[int], answer: list[int]) -> Tensor:
    """Logits [answer, vocabulary] from which each token of the answer was sampled."""
    with torch.inference_mode():
        logits: Tensor = engine.model(torch.tensor([prompt + answer])).logits[0]
    return logits[len(prompt) - 1 : -1]


def test_free_sampling_is_scaled_then_cut_by_top_k_then_by_top_p(engine: Served) -> None:
    choice = engine.choice(temperature=0.7, top_k=20, top_p=0.8, max_tokens=16, ignore_eos=True, seed=12)
    ids = choice["token_ids"]
    for logits, token, reported in zip(
        plain_logits(engine, choice["prompt_token_ids"], ids), ids, choice["logprobs"]["token_logprobs"], strict=True
    ):
        values, order = (logits / 0.7).topk(20)
        shares = values.softmax(0)
        kept, mass = [], 0.0
        for candidate, share in zip(order.tolist(), shares.tolist(), strict=True):
            if mass < 0.8:
                kept.append((candidate, share))
            mass += share
        by_hand = dict(kept)
        assert reported == pytest.approx(
            float(torch.log(torch.tensor(by_hand[token] / sum(by_hand.values())))), abs=1e-4
        )


def test_sampling_from_everything_reports_the_plain_distribution(engine: Served) -> None:
    choice = engine.choice(temperature=1.3, max_tokens=12, ignore_eos=True, seed=3)
    ids = torch.tensor(choice["token_ids"])
    by_hand = (plain_logits(engine, choice["prompt_token_ids"], ids.tolist()) / 1.3).log_softmax(-1)
    reported = choice["logprobs"]["token_logprobs"]
    assert reported == pytest.approx(by_hand.gather(1, ids[:, None])[:, 0].tolist(), abs=1e-4)


def test_greedy_takes_the_likeliest_of_the_plain_distribution(engine: Served) -> None:
    choice = engine.choice(
        temperature=0, top_k=3, top_p=0.1, max_tokens=12, ignore_eos=True, logprobs=3, return_tokens_as_token_ids=True
    )
    by_hand = plain_logits(engine, choice["prompt_token_ids"], choice["token_ids"]).log_softmax(-1)
    best, ids = by_hand.topk(3)
    assert choice["token_ids"] == ids[:, 0].tolist()
    assert choice["logprobs"]["token_logprobs"] == pytest.approx(best[:, 0].tolist(), abs=1e-4)
    for reported, values in zip(choice["logprobs"]["top_logprobs"], best.tolist(), strict=True):
        assert sorted(reported.values(), reverse=True)[:3] == pytest.approx(values, abs=1e-4)


def test_guided_sampling_is_renormalised_over_what_the_grammar_admits(engine: Served) -> None:
    choice = engine.choice(structured_outputs={"regex": "[0-9]"}, temperature=0.9, max_tokens=4, seed=5)
    digits = [engine.tokenizer(digit).input_ids[0] for digit in "0123456789"]
    logits = plain_logits(engine, choice["prompt_token_ids"], choice["token_ids"])[0, digits] / 0.9
    by_hand = logits.log_softmax(0)[digits.index(choice["token_ids"][0])]
    assert choice["logprobs"]["token_logprobs"][0] == pytest.approx(float(by_hand), abs=1e-4)


def test_a_token_that_was_the_only_one_admitted_has_log_probability_zero(engine: Served) -> None:
    choice = engine.choice(structured_outputs={"regex": "[0-9]"}, max_tokens=4, seed=5)
    assert choice["token_ids"][-1] == engine.tokenizer.eos_token_id
    assert choice["logprobs"]["token_logprobs"][-1] == 0.0


def test_tokens_can_be_named_by_their_ids(engine: Served) -> None:
    choice = engine.choice(max_tokens=4, ignore_eos=True, seed=1, return_tokens_as_token_ids=True)
    assert choice["logprobs"]["tokens"] == [f"token_id:{token}" for token in choice["token_ids"]]
    assert len(choice["logprobs"]["text_offset"]) == 4


def test_log_probabilities_are_left_out_when_not_asked_for(engine: Served) -> None:
    choice = engine.choice(max_tokens=2, logprobs=None, return_token_ids=False)
    assert choice["logprobs"] is None
    assert choice["token_ids"] is None
