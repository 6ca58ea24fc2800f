from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.integration.engine_contract.serving import Served

BODY: dict[str, Any] = {"prompt": "The market", "max_tokens": 16, "temperature": 0, "ignore_eos": True}


@pytest.fixture
def adapter(engine: Served) -> Iterator[str]:
    """The name of a loaded adapter, unloaded afterwards."""
    name = f"RUN-20250802-{uuid.uuid4().hex[:12]}"
    assert engine.load(name).status_code == 200
    yield name
    engine.unload(name)


def served_names(engine: Served) -> list[str]:
    return [card["id"] for card in engine.http.get("/v1/models").json()["data"]]


def test_the_engine_serves_its_base(engine: Served) -> None:
    assert engine.http.get("/health").status_code == 200
    answer = engine.http.get("/v1/models").json()
    assert answer["object"] == "list"
    assert answer["data"][0]["id"] == "base"
    assert answer["data"][0]["parent"] is None


def test_a_loaded_adapter_is_listed_with_its_root_and_parent(engine: Served, adapter: str) -> None:
    card = next(card for card in engine.http.get("/v1/models").json()["data"] if card["id"] == adapter)
    assert card["root"] == str(engine.files / "adapter")
    assert card["parent"] == "base"


def test_an_adapter_answers_under_its_own_name_and_unlike_the_base(engine: Served, adapter: str) -> None:
    base = engine.choice(**BODY)
    answer = engine.complete(model=adapter, **BODY)
    assert answer["model"] == adapter
    assert answer["choices"][0]["token_ids"] != base["token_ids"]
    assert engine.choice(**BODY)["token_ids"] == base["token_ids"]


def test_adapters_and_base_are_asked_at_once_and_answer_as_alone(engine: Served, adapter: str) -> None:
    bodies = [BODY | {"model": model, "seed": i} for i in range(4) for model in ("base", adapter)]
    alone = [engine.choice(**body)["token_ids"] for body in bodies]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda body: engine.choice(**body)["token_ids"], bodies)) == alone


def test_a_name_is_given_once(engine: Served, adapter: str) -> None:
    answer = engine.load(adapter)
    assert answer.status_code == 400
    assert "already been loaded" in answer.json()["error"]["message"]


def test_a_bad_path_is_not_found_and_the_engine_lives(engine: Served, tmp_path: Path) -> None:
    assert engine.load("nowhere", tmp_path / "absent").status_code == 404
    assert "nowhere" not in served_names(engine)
    assert engine.choice(**BODY)["token_ids"]


def test_an_unloaded_adapter_is_gone_and_its_folder_is_free(engine: Served) -> None:
    assert engine.load("short-lived").status_code == 200
    assert engine.unload("short-lived").status_code == 200
    assert "short-lived" not in served_names(engine)
    answer = engine.http.post("/v1/completions", json=BODY | {"model": "short-lived"})
    assert answer.status_code == 404


def test_unloading_what_is_not_loaded_is_not_found(engine: Served) -> None:
    assert engine.unload("never-was").status_code == 404


def test_an_answer_that_is_running_finishes_on_its_unloaded_adapter(engine: Served) -> None:
    body = BODY | {"model": "leaving", "max_tokens": 250}
    engine.load("leaving")
    undisturbed = engine.choice(**body)["token_ids"]
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(engine.choice, **body)
        while not running.done() and engine.metric("vllm:num_requests_running") == 0:
            pass
        assert engine.unload("leaving").status_code == 200
        assert running.result()["token_ids"] == undisturbed
    assert engine.load("leaving").status_code == 200
    assert engine.unload("leaving").status_code == 200


def test_the_metrics_have_vllms_names(engine: Served) -> None:
    before = engine.metric("vllm:generation_tokens_total")
    engine.choice(max_tokens=3, ignore_eos=True)
    assert engine.metric("vllm:generation_tokens_total") == before + 3
    assert engine.metric("vllm:num_requests_waiting") == 0
    assert engine.metric("vllm:prompt_tokens_total") > 0
