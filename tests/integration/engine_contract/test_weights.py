"""Replacing an engine's own weights: wholly old before, wholly new after, and known by name and content."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.integration.engine_contract.serving import Served

BODY: dict[str, Any] = {"prompt": "The market", "max_tokens": 12, "temperature": 0, "ignore_eos": True}


def post(engine: Served, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = engine.http.post(path, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def swap(engine: Served, folder: Path, version: str) -> None:
    post(engine, "/pause?mode=wait&clear_cache=true")
    post(engine, "/collective_rpc", {"method": "reload_weights", "kwargs": {"weights_path": str(folder)}})
    post(engine, "/update_weight_version", {"new_version": version})
    post(engine, "/resume")


def sums(engine: Served) -> dict[str, str]:
    """Checksums by the names that files have."""
    body = post(engine, "/weight_checker", {"action": "checksum"})["checksums"]
    return {name.rpartition(":")[2].replace(".base_layer.", "."): digest for name, digest in body.items()}


@pytest.fixture(scope="module")
def other(engine: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Full weights of another model of the base's shape."""
    from transformers import LlamaForCausalLM

    folder = tmp_path_factory.mktemp("other")
    model = LlamaForCausalLM.from_pretrained(engine.files / "model")
    for parameter in model.parameters():
        parameter.data.mul_(1.25)
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def restored(engine: Served) -> Iterator[None]:
    """The base model's own weights again, afterwards."""
    yield
    swap(engine, engine.files / "model", "default")


@pytest.mark.usefixtures("restored")
def test_new_weights_answer_unlike_the_old_and_the_old_can_come_back(engine: Served, other: Path) -> None:
    old, before = engine.choice(**BODY), sums(engine)
    swap(engine, other, "RUN-20250818-0123456789ab")
    assert engine.http.get("/weight_info").json() == {"weight_version": "RUN-20250818-0123456789ab"}
    new, after = engine.choice(**BODY, cache_salt="new"), sums(engine)
    assert new["logprobs"]["token_logprobs"] != pytest.approx(old["logprobs"]["token_logprobs"], abs=1e-3)
    assert after["model.norm.weight"] != before["model.norm.weight"]
    swap(engine, engine.files / "model", "default")
    assert sums(engine) == before
    again = engine.choice(**BODY)
    assert again["token_ids"] == old["token_ids"]
    assert again["logprobs"]["token_logprobs"] == pytest.approx(old["logprobs"]["token_logprobs"], abs=1e-4)


def test_a_checksum_is_that_of_the_files_tensor(engine: Served) -> None:
    import hashlib

    from safetensors.numpy import load_file

    norm = load_file(engine.files / "model" / "model.safetensors")["model.norm.weight"]
    assert sums(engine)["model.norm.weight"] == hashlib.sha256(norm.tobytes()).hexdigest()


@pytest.mark.usefixtures("restored")
def test_what_is_asked_before_a_pause_is_wholly_old_and_what_is_asked_during_it_wholly_new(
    engine: Served, other: Path
) -> None:
    body = BODY | {"max_tokens": 200, "n": 2, "temperature": 0.8, "seed": 5}
    old = [choice["token_ids"] for choice in engine.complete(**body)["choices"]]
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(engine.complete, **body)
        while not running.done() and engine.metric("vllm:num_requests_running") == 0:
            pass
        post(engine, "/pause?mode=wait&clear_cache=true")
        assert [choice["token_ids"] for choice in running.result()["choices"]] == old
        queued = pool.submit(engine.complete, **body)
        post(engine, "/collective_rpc", {"method": "reload_weights", "kwargs": {"weights_path": str(other)}})
        assert engine.http.get("/is_paused").json() == {"is_paused": True}
        assert not queued.done()
        post(engine, "/resume")
        new = [choice["token_ids"] for choice in queued.result()["choices"]]
    assert new != old
    assert new == [choice["token_ids"] for choice in engine.complete(**body)["choices"]]


@pytest.mark.usefixtures("restored")
def test_an_adapter_that_is_loaded_after_a_swap_stands_on_the_new_weights(engine: Served, other: Path) -> None:
    assert engine.load("before").status_code == 200
    before = engine.choice(model="before", **BODY)
    assert engine.unload("before").status_code == 200
    swap(engine, other, "other")
    assert engine.load("after").status_code == 200
    after = engine.choice(model="after", **BODY)
    assert engine.unload("after").status_code == 200
    assert after["logprobs"]["token_logprobs"] != before["logprobs"]["token_logprobs"]
