"""A syncer gives a real engine the weights that are served, and forecasts say whose they are."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from services.inference.engine_client import HttpEngine
from services.inference.sampling.tokenizer import HfTokenizer
from services.inference.syncer.clients import HttpEngineAdmin, HttpWeightAdmin
from services.inference.syncer.forecasts import Forecaster
from services.inference.syncer.loaded import LoadedPolicies
from services.inference.syncer.reconciler import Pace, Syncer
from services.inference.syncer.weight_slot import WeightSlot
from shared.checkpoints import CheckpointStore
from shared.errors import UnavailableError
from shared.wire import CheckpointRef, EngineReport, ForecastLines, ForecastTask, PolicyRef
from tests.integration.engine_contract.serving import Served
from tests.integration.engine_contract.tiny import write_adapter
from tests.unit.inference.fakes import FakeCoordinator, clocks

DAY = dt.date(2025, 8, 18)


class World:
    """A syncer with a slot beside the engine, what it is told to want, and a store with checkpoints."""

    def __init__(self, engine: Served, store: CheckpointStore) -> None:
        self.engine, self.coordinator, self.loaded, self.store = engine, FakeCoordinator(), LoadedPolicies(), store
        self.slot = WeightSlot(HttpWeightAdmin(engine.http), self.loaded, engine.files / "model")
        admin = HttpEngineAdmin(engine.http)
        self.syncer = Syncer(
            self.coordinator,
            admin,
            store,
            self.loaded,
            engine.url,
            clocks(),
            slot=self.slot,
            pace=Pace(grace=0, retry=0),
        )

    def publish(
        self, date: dt.date, adapter: Literal["lora", "full"], write: Callable[[Path], object]
    ) -> CheckpointRef:
        """A published checkpoint of what `write` writes."""
        folder = self.store.stage("RUN", date, 1)
        write(folder)
        (folder / "README.md").unlink(missing_ok=True)
        return self.store.publish(
            folder, run="RUN", date=date, fence=1, parent=None, base_model="tiny", adapter=adapter
        ).ref

    def full(self, factor: float) -> CheckpointRef:
        """Full weights unlike the base's."""
        from transformers import LlamaForCausalLM

        model = LlamaForCausalLM.from_pretrained(self.engine.files / "model")
        for parameter in model.parameters():
            parameter.data.mul_(factor)
        return self.publish(DAY + dt.timedelta(days=round(factor * 100)), "full", model.save_pretrained)

    def serve(self, *refs: CheckpointRef, served: str | None) -> EngineReport:
        """Promote, and let the syncer look once."""
        self.coordinator.checkpoints, self.coordinator.served = list(refs), served
        self.syncer.tick()
        return self.coordinator.reports[-1]

    def forecast(self, policy: str) -> ForecastLines:
        """A forecast by a policy."""

        async def ask() -> ForecastLines:
            async with HttpEngine.at(self.engine.url, 60, 4) as http:
                tokenizer = HfTokenizer(str(self.engine.files / "model"))
                url = self.engine.url
                forecaster = Forecaster(http, lambda: tokenizer, self.loaded, url, 4, 0, slotted=True)
                task = ForecastTask(
                    headline="Oil climbs", date=DAY, policy=PolicyRef(name=policy), max_tokens=16, retries=0
                )
                return await forecaster.forecast(task)

        return asyncio.run(ask())


@pytest.fixture
def world(engine: Served, tmp_path: Path) -> World:
    return World(engine, CheckpointStore(tmp_path / "store"))


def test_served_weights_and_adapters_take_turns_and_every_answer_is_by_whom_it_says(world: World) -> None:
    first, second = world.full(1.25), world.full(0.8)
    adapter = world.publish(DAY, "lora", lambda folder: write_adapter(world.engine.files / "model", folder))
    assert world.serve(served=None).loaded == ["base"]
    base = world.forecast("base").lines[0].text
    assert len(world.slot._stable) > 0

    report = world.serve(first, adapter, served=first.id)
    assert (report.loaded, report.ready, report.error) == ([first.id], True, None)
    forecast = world.forecast(first.id)
    assert forecast.policy == first.id
    assert forecast.lines[0].text != base
    with pytest.raises(UnavailableError, match="has not loaded base"):
        world.forecast("base")

    assert world.serve(first, second, adapter, served=second.id).loaded == [second.id]
    assert world.forecast(second.id).lines[0].text != forecast.lines[0].text

    report = world.serve(adapter, second, served=adapter.id)
    assert (report.loaded, report.ready) == ([adapter.id, "base"], True)
    assert world.forecast("base").lines[0].text == base
    assert world.forecast(adapter.id).policy == adapter.id

    assert world.serve(served=None).loaded == ["base"]


def test_weights_of_another_build_are_refused_before_the_engine_is_paused(world: World) -> None:
    from transformers import LlamaForCausalLM

    model = LlamaForCausalLM.from_pretrained(world.engine.files / "model")
    model.resize_token_embeddings(model.config.vocab_size + 8)
    other = world.publish(DAY, "full", model.save_pretrained)
    assert world.serve(served=None).loaded == ["base"]
    report = world.serve(other, served=other.id)
    assert (report.loaded, report.ready) == (["base"], False)
    assert "vocab_size differ" in (report.error or "")
    assert world.engine.http.get("/is_paused").json() == {"is_paused": False}
    assert world.serve(served=None).ready


def test_an_engine_that_lost_its_weights_is_not_believed(world: World) -> None:
    full = world.full(1.25)
    world.serve(full, served=full.id)
    world.engine.http.post("/update_weight_version", json={"new_version": "default"})
    with pytest.raises(UnavailableError, match="lost the weights"):
        world.forecast(full.id)
    world.engine.http.post("/update_weight_version", json={"new_version": full.id})
    assert world.serve(served=None).loaded == ["base"]
