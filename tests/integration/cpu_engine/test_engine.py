"""What the CPU engine does beyond the contract that it shares with vLLM."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.inference.cpu_engine.decoding.engine import Engine
from services.inference.cpu_engine.decoding.limits import Limits
from services.inference.cpu_engine.decoding.sequence import Request, Sampling
from services.inference.cpu_engine.factory import make_app
from services.inference.cpu_engine.model.policies import Policies, load_model
from shared.errors import UnavailableError
from tests.integration.engine_contract.serving import Served, serve
from tests.integration.engine_contract.tiny import write_adapter, write_model

GREEDY: dict[str, Any] = {"temperature": 0, "max_tokens": 12, "ignore_eos": True}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with model/ and adapter/."""
    root = tmp_path_factory.mktemp("engine")
    write_adapter(write_model(root / "model"), root / "adapter")
    return root


@pytest.fixture(scope="module")
def engine(files: Path) -> Iterator[Served]:
    """The engine over HTTP, with few places."""
    from transformers import AutoTokenizer

    folder = files / "model"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    app = make_app(load_model(folder), tokenizer, str(folder), Limits(batch=4, waiting=64))
    with serve(app, files) as served:
        yield served


@pytest.fixture
def bare(files: Path) -> Iterator[Engine]:
    """An engine without HTTP, stopped at the end."""
    engine = Engine(Policies(load_model(files / "model"), ""), frozenset({2}), str, Limits())
    engine.start()
    yield engine
    engine.stop()


def error_of(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status
    return str(answer.json()["error"]["message"])


def test_more_answers_than_places_are_decoded_in_turn(engine: Served) -> None:
    body: dict[str, Any] = {"max_tokens": 6, "ignore_eos": True, "top_k": 50}
    many = engine.complete(n=11, seed=50, **body)["choices"]
    assert [choice["token_ids"] for choice in many] == [
        engine.choice(seed=50 + i, **body)["token_ids"] for i in range(11)
    ]


def test_more_answers_than_may_wait_are_refused_for_now(engine: Served) -> None:
    answer = engine.http.post("/v1/completions", json={"model": "base", "prompt": "Oil", "n": 65})
    assert "try again later" in error_of(answer, 503)


def test_a_prompt_is_read_once_for_all_its_answers_and_again_not_at_all(engine: Served) -> None:
    prompt = list(range(60, 90))
    before = engine.metric("vllm:prefix_cache_queries_total"), engine.metric("vllm:prefix_cache_hits_total")
    engine.complete(prompt=prompt, n=4, max_tokens=2)
    queries = engine.metric("vllm:prefix_cache_queries_total") - before[0]
    hits = engine.metric("vllm:prefix_cache_hits_total") - before[1]
    assert (queries, hits) == (30, 0)
    engine.complete(prompt=[*prompt, 7], n=4, max_tokens=2)
    assert engine.metric("vllm:prefix_cache_hits_total") - before[1] == 30


def test_a_parameter_that_is_not_supported_is_refused_and_not_ignored(engine: Served) -> None:
    answer = engine.http.post("/v1/completions", json={"model": "base", "prompt": "Oil", "presence_penalty": 1})
    assert "presence_penalty" in error_of(answer, 400)
    assert answer.json()["error"]["param"] == "presence_penalty"


def test_loading_in_place_is_refused(engine: Served, files: Path) -> None:
    body = {"lora_name": "x", "lora_path": str(files / "adapter"), "load_inplace": True}
    assert "load_inplace" in error_of(engine.http.post("/v1/load_lora_adapter", json=body), 400)


def test_pickled_weights_are_refused(engine: Served, files: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(files / "adapter", tmp_path / "pickled"))
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    assert "only safetensors" in error_of(engine.load("pickled", folder), 400)


def test_broken_weights_are_refused_and_leave_nothing_behind(engine: Served, files: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(files / "adapter", tmp_path / "broken"))
    (folder / "adapter_model.safetensors").write_bytes(b"\0" * 100)
    base = engine.choice(**GREEDY)["token_ids"]
    assert "does not load" in error_of(engine.load("broken", folder), 400)
    assert engine.choice(**GREEDY)["token_ids"] == base
    assert engine.load("broken").status_code == 200
    assert engine.unload("broken").status_code == 200


def test_an_adapter_of_another_shape_is_refused(engine: Served, files: Path, tmp_path: Path) -> None:
    folder = write_adapter(files / "model", tmp_path / "wide", rank=4)
    shutil.copy(files / "adapter" / "adapter_config.json", folder)
    assert "lora_path" in error_of(engine.load("wide", folder), 400)


def test_an_adapter_for_layers_the_base_does_not_have_is_refused(engine: Served, files: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(files / "adapter", tmp_path / "deep"))
    weights = load_file(folder / "adapter_model.safetensors")
    renamed = {name.replace("layers.1.", "layers.9."): weight for name, weight in weights.items()}
    save_file(renamed, folder / "adapter_model.safetensors")
    assert "does not fit" in error_of(engine.load("deep", folder), 400)


@pytest.mark.parametrize("field", [{"use_dora": True}, {"bias": "all"}, {"modules_to_save": ["lm_head"]}])
def test_an_adapter_of_another_kind_than_plain_lora_is_refused(
    engine: Served, files: Path, tmp_path: Path, field: dict[str, Any]
) -> None:
    folder = Path(shutil.copytree(files / "adapter", tmp_path / "other-kind"))
    config = folder / "adapter_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | field))
    assert "train plain LoRA" in error_of(engine.load("other-kind", folder), 400)


def damaged(adapter: Path, folder: Path) -> Path:
    """A copy of an adapter whose weights are not numbers."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(adapter, folder)
    weights = load_file(folder / "adapter_model.safetensors")
    save_file({name: weight * float("nan") for name, weight in weights.items()}, folder / "adapter_model.safetensors")
    return folder


def test_weights_that_are_not_numbers_fail_their_own_requests_only(engine: Served, files: Path, tmp_path: Path) -> None:
    assert engine.load("damaged", damaged(files / "adapter", tmp_path / "damaged")).status_code == 200
    body = GREEDY | {"model": "damaged", "prompt": "Oil"}
    assert "not finite" in error_of(engine.http.post("/v1/completions", json=body), 500)
    assert engine.choice(**GREEDY)["token_ids"]
    engine.unload("damaged")


def test_a_name_given_again_answers_with_its_new_weights(engine: Served, files: Path, tmp_path: Path) -> None:
    other = write_adapter(files / "model", tmp_path / "other", seed=12)
    body: dict[str, Any] = GREEDY | {"model": "again", "max_tokens": 150}
    engine.load("again")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(engine.choice, **body)
        while not running.done() and engine.metric("vllm:num_requests_running") == 0:
            pass
        assert engine.unload("again").status_code == 200
        assert engine.load("again", other).status_code == 200
        fresh = engine.choice(**body)["token_ids"]
        assert running.result()["token_ids"] != fresh
    engine.unload("again")
    engine.load("alone", other)
    assert engine.choice(**body | {"model": "alone"})["token_ids"] == fresh
    engine.unload("alone")


def test_the_base_cannot_be_unloaded(engine: Served) -> None:
    assert "base model" in error_of(engine.unload("base"), 400)


def test_full_weights_are_served_beside_the_base(engine: Served, files: Path, tmp_path: Path) -> None:
    from transformers import LlamaForCausalLM

    model = LlamaForCausalLM.from_pretrained(files / "model")
    model.get_input_embeddings().weight.data.mul_(1.5)
    model.save_pretrained(tmp_path / "full")
    base = engine.choice(**GREEDY)["token_ids"]
    assert engine.load("full", tmp_path / "full").status_code == 200
    assert engine.load("lora").status_code == 200
    by_name = {name: engine.choice(model=name, **GREEDY)["token_ids"] for name in ("full", "lora", "base")}
    assert by_name["base"] == base
    assert len({tuple(ids) for ids in by_name.values()}) == 3
    assert [engine.unload(name).status_code for name in ("full", "lora")] == [200, 200]


def test_an_answer_nobody_waits_for_is_given_up(engine: Served) -> None:
    before = engine.metric("vllm:generation_tokens_total")
    with pytest.raises(httpx.ReadTimeout):
        engine.http.post(
            "/v1/completions",
            json={"model": "base", "prompt": "Oil", "max_tokens": 1000, "ignore_eos": True},
            timeout=0.3,
        )
    while engine.metric("vllm:num_requests_running"):
        pass
    assert engine.metric("vllm:generation_tokens_total") - before < 1000


def test_stopping_fails_what_is_unfinished(bare: Engine) -> None:
    begun = threading.Event()
    bare._batches._decode = lambda ids: begun.set() or ""  # type: ignore[func-returns-value]
    request = Request("base", (5, 6), Sampling(max_tokens=10_000, ignore_eos=True, stop=("never",)))
    answer = bare.submit(request)
    assert begun.wait(30)
    bare.stop()
    with pytest.raises(UnavailableError, match="shutting down"):
        answer.result(timeout=30)
    with pytest.raises(UnavailableError, match="not running"):
        bare.submit(Request("base", (5, 6), Sampling(max_tokens=1)))


def test_a_request_that_breaks_a_step_fails_alone_with_its_batch(bare: Engine) -> None:
    broken = bare.submit(Request("base", (10_000_000,), Sampling(max_tokens=4)))
    with pytest.raises(IndexError):
        broken.result(timeout=30)
    fine = bare.submit(Request("base", (5, 6), Sampling(max_tokens=4, ignore_eos=True)))
    assert len(fine.result(timeout=30)[0].tokens) == 4


def test_no_policy_starves_while_another_is_busy(engine: Served) -> None:
    assert engine.load("patient").status_code == 200
    done: list[str] = []

    def ask(model: str, seed: int) -> None:
        engine.choice(model=model, seed=seed, max_tokens=40, ignore_eos=True)
        done.append(model)

    with ThreadPoolExecutor(24) as pool:
        list(pool.map(lambda i: ask("patient" if i == 12 else "base", i), range(24)))
    assert done.index("patient") < len(done) - 4
    engine.unload("patient")


def test_a_short_answer_of_another_policy_does_not_wait_for_a_long_one(engine: Served) -> None:
    engine.load("short")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(engine.choice, max_tokens=600, ignore_eos=True)
        while engine.metric("vllm:num_requests_running") == 0:
            pass
        engine.choice(model="short", max_tokens=4, ignore_eos=True)
        assert not running.done()
        assert len(running.result()["token_ids"]) == 600
    engine.unload("short")
