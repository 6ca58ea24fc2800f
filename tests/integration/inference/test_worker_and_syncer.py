"""The worker and the syncer with a real engine: what they ask of it is what it understands."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from services.inference.settings import InferenceSettings
from services.inference.syncer.clients import HttpEngineAdmin
from services.inference.syncer.loaded import LoadedPolicies
from services.inference.syncer.reconciler import Pace, Syncer
from services.inference.worker.main import make_generate, make_generator
from shared.checkpoints import CheckpointStore
from shared.errors import UnavailableError
from shared.forecast import judge
from shared.wire import CheckpointRecord, GenerateResult, GenerateTask
from shared.worker.load import Load
from shared.worker.steps import Lease
from tests.integration.engine_contract.tiny import write_adapter
from tests.unit.inference.fakes import FakeCoordinator, clocks, generate_task

HEADLINES = ["Oil climbs as supply falls", "Chip maker raises guidance"]


@pytest.fixture
def settings(engine_url: str, tiny_model: Path, tmp_path: Path) -> InferenceSettings:
    return InferenceSettings(
        engine_url=engine_url, base_model_path=str(tiny_model), store=str(tmp_path / "store"), policy_patience=0
    )


def make_syncer(coordinator: FakeCoordinator, engine: httpx.Client, store: CheckpointStore, pace: Pace) -> Syncer:
    url = str(engine.base_url)
    return Syncer(coordinator, HttpEngineAdmin(engine), store, LoadedPolicies(), url, clocks(), pace=pace)


def generated(settings: InferenceSettings, task: GenerateTask) -> GenerateResult:
    return make_generate(make_generator(settings, Load()))(task, Lease(7, 1))


def published(store: CheckpointStore, model: Path, task: GenerateTask) -> CheckpointRecord:
    folder = store.stage("made-up", task.date, 1)
    write_adapter(model, folder)
    (folder / "README.md").unlink()
    name = task.config.base_model
    return store.publish(folder, run="made-up", date=task.date, fence=1, parent=None, base_model=name, adapter="lora")


def test_a_group_comes_back_whole_with_a_probability_for_every_token(settings: InferenceSettings) -> None:
    result = generated(settings, generate_task(HEADLINES, max_tokens=1000, retries=1))
    rollouts = [rollout for group in result.groups for rollout in group.rollouts]
    assert [len(group.rollouts) for group in result.groups] == [8, 8]
    assert all(len(r.token_ids) == len(r.logprobs) == len(r.forced) > 0 for r in rollouts)
    assert all(logprob <= 0 for r in rollouts for logprob in r.logprobs)
    assert {r.policy for r in rollouts} == {"base"}
    guided = [r for r in rollouts if r.rung == "guided"]
    assert [r.arm for r in guided] == ["ladder"] * 8
    ended = [r for r in guided if r.finish_reason == "stop"]
    assert ended
    assert {judge(r.text).verdict for r in ended} == {"strict"}


def test_forced_tokens_were_certain_to_the_engine_too(settings: InferenceSettings) -> None:
    result = generated(settings, generate_task(max_tokens=400, retries=1))
    guided = [r for r in result.groups[0].rollouts if r.rung == "guided"]
    certain = [logprob for r in guided for logprob, forced in zip(r.logprobs, r.forced, strict=True) if forced]
    assert certain
    assert certain == pytest.approx([0.0] * len(certain), abs=1e-5)


def test_the_same_step_gives_the_same_groups(settings: InferenceSettings) -> None:
    task = generate_task(HEADLINES, max_tokens=60, retries=0)
    first, second = generated(settings, task), generated(settings, task)
    assert [r.token_ids for g in first.groups for r in g.rollouts] == [
        r.token_ids for g in second.groups for r in g.rollouts
    ]


def test_a_published_checkpoint_is_made_to_speak_and_then_taken_away(
    settings: InferenceSettings, tiny_model: Path
) -> None:
    task = generate_task(max_tokens=16, retries=0)
    store = CheckpointStore(Path(settings.store))
    ref = published(store, tiny_model, task).ref
    coordinator = FakeCoordinator([ref])
    with httpx.Client(base_url=settings.engine_url, timeout=30) as client:
        syncer = make_syncer(coordinator, client, store, Pace(grace=0))
        syncer.tick()
        assert coordinator.reports[-1].loaded == ["base", ref.id]
        assert coordinator.reports[-1].load_seconds[ref.id] > 0
        with_checkpoint = generate_task(policy=ref.id, max_tokens=16, retries=0)
        of_checkpoint, base = generated(settings, with_checkpoint), generated(settings, task)
        assert {r.policy for r in of_checkpoint.groups[0].rollouts} == {ref.id}
        assert [r.logprobs for r in of_checkpoint.groups[0].rollouts] != [r.logprobs for r in base.groups[0].rollouts]
        coordinator.checkpoints = []
        syncer.tick()
        assert coordinator.reports[-1].loaded == ["base"]
    with pytest.raises(UnavailableError, match=f"has not loaded the policy {ref.id}"):
        generated(settings, with_checkpoint)


def test_a_checkpoint_that_was_tampered_with_never_reaches_the_engine(
    settings: InferenceSettings, tiny_model: Path
) -> None:
    store = CheckpointStore(Path(settings.store))
    ref = published(store, tiny_model, generate_task()).ref
    (store.path(ref) / "adapter_model.safetensors").write_bytes(b"other weights")
    coordinator = FakeCoordinator([ref])
    with httpx.Client(base_url=settings.engine_url, timeout=30) as client:
        make_syncer(coordinator, client, store, Pace()).tick()
    assert coordinator.reports[-1].loaded == ["base"]
    assert "adapter_model.safetensors is missing or changed" in (coordinator.reports[-1].error or "")
