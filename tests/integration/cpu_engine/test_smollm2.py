"""The embedded model, unpacked from its wheel and served for real."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.inference.cpu_engine.decoding.limits import Limits
from services.inference.cpu_engine.factory import make_app
from services.inference.cpu_engine.model.policies import load_model
from tests.integration.engine_contract.serving import Served, serve


@pytest.fixture(scope="module")
def tokenizer(smollm2: Path) -> Any:
    """The unpacked tokenizer."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(smollm2)


@pytest.fixture(scope="module")
def engine(smollm2: Path, tokenizer: Any) -> Iterator[Served]:
    """The embedded model behind the engine."""
    app = make_app(load_model(smollm2), tokenizer, str(smollm2), Limits())
    with serve(app, smollm2) as served:
        yield served


def test_the_chat_template_is_that_of_smollm2(tokenizer: Any) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Oil?"}]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    assert text == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nOil?<|im_end|>\n<|im_start|>assistant\n"
    )
    ids = tokenizer(text).input_ids
    assert (ids[0], ids.count(1), ids.count(2)) == (1, 3, 2)
    assert tokenizer.decode(ids) == text
    assert (tokenizer.eos_token, tokenizer.eos_token_id) == ("<|im_end|>", 2)


def test_text_survives_the_tokenizer_and_digits_stand_alone(tokenizer: Any) -> None:
    text = "S&P 500 +1.25% , oil isn't up  2025-08-18\n"
    ids = tokenizer(text).input_ids
    assert tokenizer.decode(ids) == text
    assert tokenizer.convert_ids_to_tokens(tokenizer("2025").input_ids) == ["2", "0", "2", "5"]


def test_it_knows_the_capital_of_france(engine: Served) -> None:
    body = {"model": "base", "messages": [{"role": "user", "content": "What is the capital of France?"}]}
    answer = engine.http.post("/v1/chat/completions", json=body | {"temperature": 0, "max_tokens": 24}).json()
    assert "Paris" in answer["choices"][0]["message"]["content"]
    assert answer["choices"][0]["finish_reason"] == "stop"


def test_a_group_of_guided_forecasts_comes_from_one_prompt(engine: Served) -> None:
    regex = r"Forecast: [A-Za-z ,']{10,60}; (up|down|flat) by [0-9]\.[0-9]%"
    prompt = "<|im_start|>user\nOil falls. Forecast the index in one line.<|im_end|>\n<|im_start|>assistant\n"
    answer = engine.complete(
        prompt=prompt,
        n=8,
        seed=1,
        temperature=0.7,
        top_p=0.9,
        top_k=50,
        max_tokens=60,
        structured_outputs={"regex": regex},
    )
    assert all(re.fullmatch(regex, choice["text"]) for choice in answer["choices"])
    assert len({choice["text"] for choice in answer["choices"]}) == 8
    assert all(logprob <= 0 for choice in answer["choices"] for logprob in choice["logprobs"]["token_logprobs"])
