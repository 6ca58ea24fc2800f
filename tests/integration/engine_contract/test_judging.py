"""What the judge relies on: prompts counted beforehand, and two letters whose probabilities are those of the model."""

from __future__ import annotations

import httpx
import pytest

from services.evaluator.judge_client import HttpJudgeEngine
from shared.errors import InvalidInputError
from tests.integration.engine_contract.serving import Served

PROMPTS = ["Which falls, (A) or (B)?\nAnswer: (", "Oil falls (", "up ("]


def test_a_prompt_is_counted_as_it_would_be_read(engine: Served) -> None:
    answer = engine.http.post("/tokenize", json={"model": "base", "prompt": "The central bank"}).json()
    assert answer["count"] == len(answer["tokens"]) == len(engine.tokenizer("The central bank").input_ids)
    models = engine.http.get("/v1/models").json()["data"]
    assert answer["max_model_len"] == models[0]["max_model_len"]


def test_the_share_of_a_letter_is_the_models_own(engine: Served) -> None:
    import torch

    letters = [engine.tokenizer.convert_tokens_to_ids(letter) for letter in "AB"]
    expected = []
    for prompt in PROMPTS:
        with torch.inference_mode():
            logits = engine.model(torch.tensor([engine.tokenizer(prompt).input_ids])).logits[0, -1]
        expected.append(float(logits[letters].softmax(-1)[0]))
    shares = HttpJudgeEngine(engine.http, "base", 2).first_letter(PROMPTS, lambda: None)
    assert shares == pytest.approx(expected, abs=1e-3)


def test_a_prompt_beyond_the_context_is_refused_before_it_is_asked(engine: Served) -> None:
    with httpx.Client(base_url=engine.url, timeout=60) as client, pytest.raises(InvalidInputError, match="outcomes: "):
        HttpJudgeEngine(client, "base", 1).first_letter(["Oil falls. " * 3000], lambda: None)
