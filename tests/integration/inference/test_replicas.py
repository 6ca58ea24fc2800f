"""Replicas that die and come: an engine of its own process is killed amid a swap, and one starts late."""

from __future__ import annotations

import datetime as dt
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import httpx
import pytest

from services.inference.syncer.clients import HttpEngineAdmin, HttpWeightAdmin
from services.inference.syncer.loaded import LoadedPolicies
from services.inference.syncer.reconciler import Pace, Syncer
from services.inference.syncer.weight_slot import WeightSlot
from shared.checkpoints import CheckpointStore
from shared.wire import CheckpointRef
from tests.integration.engine_contract.tiny import write_adapter
from tests.unit.inference.fakes import FakeCoordinator, clocks

DAY = dt.date(2025, 8, 18)


class EngineProcess:
    """A CPU engine that can be killed and started again at the same address."""

    def __init__(self, model: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        own = {"BASE_MODEL_PATH": model, "ENGINE_PORT": self.port, "ENGINE_THREADS": 1}
        self._environment = os.environ | {f"MORROW_{name}": str(value) for name, value in own.items()}
        self.start()

    def start(self) -> None:
        """Start it; it takes some seconds to answer."""
        command = [sys.executable, "-m", "services.inference.cpu_engine.main"]
        self._process = subprocess.Popen(command, env=self._environment, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()


@pytest.fixture
def engine(tiny_model: Path) -> Iterator[EngineProcess]:
    started = EngineProcess(tiny_model)
    yield started
    started.kill()


class KilledAmidALoad(HttpEngineAdmin):
    """Its engine is killed by each load, as long as `deadly`."""

    def __init__(self, client: httpx.Client, engine: EngineProcess) -> None:
        super().__init__(client)
        self.engine, self.deadly = engine, False

    def load(self, name: str, folder: Path) -> None:
        """Load, and die of it."""
        super().load(name, folder)
        if self.deadly:
            self.engine.kill()


class KilledAmidAReload(HttpWeightAdmin):
    """Its engine is killed by each replacement of its weights, as long as `deadly`."""

    def __init__(self, client: httpx.Client, engine: EngineProcess) -> None:
        super().__init__(client)
        self.engine, self.deadly = engine, False

    def reload(self, folder: Path) -> None:
        """Replace, and die of it."""
        super().reload(folder)
        if self.deadly:
            self.engine.kill()


def publish(
    store: CheckpointStore, model: Path, number: int, adapter: Literal["lora", "full"] = "lora"
) -> CheckpointRef:
    """A checkpoint unlike others."""
    date = DAY + dt.timedelta(days=number)
    folder = store.stage("RUN", date, 1)
    if adapter == "lora":
        write_adapter(model, folder, seed=number)
        (folder / "README.md").unlink()
    else:
        from transformers import LlamaForCausalLM

        weights = LlamaForCausalLM.from_pretrained(model)
        weights.get_input_embeddings().weight.data.mul_(1 + number / 10)
        weights.save_pretrained(folder)
    made = store.publish(folder, run="RUN", date=date, fence=1, parent=None, base_model="tiny", adapter=adapter)
    return made.ref


def until_ready(syncer: Syncer) -> None:
    """Tick until the engine is ready; meanwhile it never says so without what is served."""
    deadline = time.monotonic() + 120
    while not syncer.loaded.readiness.ready:
        assert time.monotonic() < deadline, syncer.loaded.readiness.reason
        time.sleep(0.1)
        syncer.tick()
        assert isinstance(syncer.coordinator, FakeCoordinator)
        report = syncer.coordinator.reports[-1]
        assert report.ready == (syncer.coordinator.served in report.loaded)


def test_an_engine_killed_amid_a_swap_is_ready_again_only_with_what_is_served(
    engine: EngineProcess, tiny_model: Path, tmp_path: Path
) -> None:
    store, coordinator, loaded = CheckpointStore(tmp_path / "store"), FakeCoordinator(), LoadedPolicies()
    first, second, full = (
        publish(store, tiny_model, 1),
        publish(store, tiny_model, 2),
        publish(store, tiny_model, 3, "full"),
    )
    with httpx.Client(base_url=engine.url, timeout=30) as client:
        admin, weights = KilledAmidALoad(client, engine), KilledAmidAReload(client, engine)
        slot = WeightSlot(weights, loaded, tiny_model)
        syncer = Syncer(coordinator, admin, store, loaded, engine.url, clocks(), slot=slot, pace=Pace(grace=60))
        coordinator.checkpoints, coordinator.served = [first], first.id
        until_ready(syncer)

        coordinator.checkpoints, coordinator.served, admin.deadly = [first, second], second.id, True
        syncer.tick()
        assert not loaded.readiness.ready
        admin.deadly = False
        engine.start()
        until_ready(syncer)
        assert coordinator.reports[-1].loaded == sorted(["base", first.id, second.id])

        coordinator.checkpoints, coordinator.served, weights.deadly = [second, full], full.id, True
        syncer.tick()
        assert (loaded.readiness.ready, coordinator.reports[-1].loaded) == (False, [])
        weights.deadly = False
        engine.start()
        until_ready(syncer)
        assert coordinator.reports[-1].loaded == [full.id]
        assert client.get("/weight_info").json() == {"weight_version": full.id}


def test_a_replica_that_starts_after_three_promotions_begins_with_the_newest(
    engine_url: str, tiny_model: Path, tmp_path: Path
) -> None:
    store, coordinator = CheckpointStore(tmp_path / "store"), FakeCoordinator()
    promoted = [publish(store, tiny_model, number) for number in (4, 5, 6)]
    damaged = store.path(promoted[1]) / "adapter_model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    coordinator.checkpoints, coordinator.served = promoted[1:], promoted[2].id
    with httpx.Client(base_url=engine_url, timeout=30) as client:
        syncer = Syncer(
            coordinator, HttpEngineAdmin(client), store, LoadedPolicies(), engine_url, clocks(), pace=Pace(grace=0)
        )
        assert not syncer.loaded.readiness.ready
        syncer.tick()
        report = coordinator.reports[-1]
        assert (report.ready, report.loaded) == (True, sorted(["base", promoted[2].id]))
        assert promoted[1].id not in [card["id"] for card in client.get("/v1/models").json()["data"]]
        coordinator.checkpoints, coordinator.served = [], None
        syncer.tick()
