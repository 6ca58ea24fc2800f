from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.engine_contract.serving import Served

FREE = {"temperature": 0.8, "top_p": 0.95, "top_k": 40, "max_tokens": 24, "ignore_eos": True}


def test_an_answer_names_the_policy_and_counts_its_tokens(engine: Served) -> None:
    answer = engine.complete(prompt=[40, 41, 42], max_tokens=4, ignore_eos=True, n=2, seed=1)
    assert answer["model"] == "base"
    assert answer["object"] == "text_completion"
    assert answer["usage"]["prompt_tokens"] == 3
    assert answer["usage"]["completion_tokens"] == 8
    assert answer["usage"]["total_tokens"] == 11
    assert [choice["index"] for choice in answer["choices"]] == [0, 1]
    assert answer["choices"][0]["prompt_token_ids"] == [40, 41, 42]


def test_text_and_its_token_ids_are_the_same_prompt(engine: Served) -> None:
    ids = engine.tokenizer("The central bank").input_ids
    by_text = engine.choice(prompt="The central bank", seed=3, **FREE)
    assert by_text["prompt_token_ids"] == ids
    assert engine.choice(prompt=ids, seed=3, **FREE)["token_ids"] == by_text["token_ids"]


def test_a_seed_decides_the_answer(engine: Served) -> None:
    first, again, other = (engine.choice(seed=seed, **FREE)["token_ids"] for seed in (5, 5, 6))
    assert first == again
    assert first != other


def test_answer_i_of_many_is_sampled_with_seed_plus_i(engine: Served) -> None:
    many = [choice["token_ids"] for choice in engine.complete(seed=20, n=3, **FREE)["choices"]]
    assert many == [engine.choice(seed=seed, **FREE)["token_ids"] for seed in (20, 21, 22)]


def test_without_a_seed_answers_differ(engine: Served) -> None:
    answers = engine.complete(n=4, **FREE)["choices"]
    assert len({tuple(choice["token_ids"]) for choice in answers}) == 4


def test_company_does_not_change_an_answer(engine: Served) -> None:
    prompts = ["Oil falls", "The central bank holds rates and the market", "up", "Oil falls as supply"]
    bodies: list[dict[str, Any]] = [
        {"prompt": prompts[i % 4], "seed": i, **FREE, "max_tokens": 6 + i, "top_k": 10 + i, "temperature": 0.5 + i / 20}
        for i in range(12)
    ]
    alone = [engine.choice(**body) for body in bodies]
    with ThreadPoolExecutor(12) as pool:
        together = list(pool.map(lambda body: engine.choice(**body), bodies))
    for one, other in zip(alone, together, strict=True):
        assert one["token_ids"] == other["token_ids"]
        assert one["logprobs"]["token_logprobs"] == pytest.approx(other["logprobs"]["token_logprobs"], abs=1e-4)


def test_an_answer_of_full_length_says_so(engine: Served) -> None:
    choice = engine.choice(max_tokens=5, ignore_eos=True, seed=1)
    assert choice["finish_reason"] == "length"
    assert choice["stop_reason"] is None
    assert len(choice["token_ids"]) == 5
    assert choice["text"] == engine.tokenizer.decode(choice["token_ids"], skip_special_tokens=True)


def test_a_stop_string_is_cut_off_and_its_tokens_are_kept(engine: Served) -> None:
    body = {"structured_outputs": {"regex": "aa<stop>bbb"}, "max_tokens": 40, "seed": 1}
    choice = engine.choice(stop=["nothing", "<stop>"], **body)
    assert choice["text"] == "aa"
    assert choice["finish_reason"] == "stop"
    assert choice["stop_reason"] == "<stop>"
    assert engine.tokenizer.decode(choice["token_ids"]) == "aa<stop>"
    assert len(choice["logprobs"]["token_logprobs"]) == len(choice["token_ids"])


def test_the_end_token_ends_an_answer_and_is_among_its_tokens(engine: Served) -> None:
    choice = engine.choice(structured_outputs={"regex": "yes"}, max_tokens=40, seed=1)
    assert choice["text"] == "yes"
    assert choice["finish_reason"] == "stop"
    assert choice["stop_reason"] is None
    assert choice["token_ids"][-1] == engine.tokenizer.eos_token_id
    assert len(choice["logprobs"]["token_logprobs"]) == len(choice["token_ids"])


def test_a_stop_token_ends_an_answer(engine: Served) -> None:
    free = engine.choice(seed=4, **FREE)["token_ids"]
    end = free[3]
    choice = engine.choice(seed=4, stop_token_ids=[end], **FREE)
    assert choice["token_ids"] == free[: free.index(end) + 1]
    assert choice["stop_reason"] == end


def test_guided_answers_match_their_expression(engine: Served) -> None:
    regex = r"(UP|DOWN) by [0-9]{1,2}\.[0-9]% (today|tomorrow); [a-z ]{3,12}"
    answers = engine.complete(
        structured_outputs={"regex": regex}, temperature=1.5, top_k=50, n=8, seed=9, max_tokens=120
    )["choices"]
    assert all(re.fullmatch(regex, choice["text"]) for choice in answers)
    assert len({choice["text"] for choice in answers}) > 1


def test_each_of_several_guided_answers_is_that_of_its_own_seed(engine: Served) -> None:
    body: dict[str, Any] = {"structured_outputs": {"regex": "[a-z ]{4,12}; (up|down) [0-9]{1,3}%"}, "max_tokens": 60}
    many = engine.complete(n=4, seed=30, temperature=0.9, top_k=50, **body)["choices"]
    assert [choice["index"] for choice in many] == [0, 1, 2, 3]
    for seed, choice in enumerate(many, start=30):
        alone = engine.choice(seed=seed, temperature=0.9, top_k=50, **body)
        assert (choice["text"], choice["token_ids"]) == (alone["text"], alone["token_ids"])
        assert choice["logprobs"]["token_logprobs"] == pytest.approx(alone["logprobs"]["token_logprobs"], abs=1e-4)
    assert len({choice["text"] for choice in many}) > 1


def test_an_answer_goes_on_from_its_beginning_under_an_expression_of_the_rest(engine: Served) -> None:
    prompt, begun = (engine.tokenizer(text).input_ids for text in ("Oil falls", "Proxy=oil; Prob="))
    body: dict[str, Any] = {"structured_outputs": {"regex": "(100|[1-9]?[0-9])%;"}, "seed": 3, "max_tokens": 12}
    choice = engine.choice(prompt=prompt + begun, **body)
    assert choice["prompt_token_ids"] == prompt + begun
    assert re.fullmatch("(100|[1-9]?[0-9])%;", choice["text"])
    assert choice["finish_reason"] == "stop"
    assert choice["token_ids"][-1] == engine.tokenizer.eos_token_id
    assert choice["logprobs"]["token_logprobs"][-1] == 0.0
    rest = choice["token_ids"][:-1]
    assert engine.tokenizer.decode(begun + rest) == "Proxy=oil; Prob=" + choice["text"]


def test_free_and_guided_answers_go_side_by_side(engine: Served) -> None:
    guided: dict[str, Any] = {"structured_outputs": {"regex": "(left|right) [0-9]+"}, "seed": 2, "max_tokens": 20}
    alone = engine.choice(seed=8, **FREE)
    with ThreadPoolExecutor(2) as pool:
        free = pool.submit(engine.choice, seed=8, **FREE)
        assert re.match("(left|right) [0-9]+", pool.submit(engine.choice, **guided).result()["text"])
        assert free.result()["token_ids"] == alone["token_ids"]


def test_a_conversation_is_written_by_the_models_template(engine: Served) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Oil?"}]
    body = {"model": "base", "messages": messages, "seed": 1, "max_tokens": 8, "return_token_ids": True}
    answer = engine.http.post("/v1/chat/completions", json=body | {"logprobs": True, "top_logprobs": 2}).json()
    text = engine.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    choice, same = answer["choices"][0], engine.choice(prompt=text, seed=1, max_tokens=8)
    assert answer["prompt_token_ids"] == same["prompt_token_ids"]
    assert choice["token_ids"] == same["token_ids"]
    assert choice["message"] | {"role": "assistant", "content": same["text"]} == choice["message"]
    chances = [entry["logprob"] for entry in choice["logprobs"]["content"]]
    assert chances == pytest.approx(same["logprobs"]["token_logprobs"], abs=1e-4)
    assert all(len(entry["top_logprobs"]) == 2 for entry in choice["logprobs"]["content"])
