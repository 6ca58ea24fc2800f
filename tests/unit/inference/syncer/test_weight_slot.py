"""Full weights in an engine's one slot: checked before, verified after, closed on failure."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from services.inference.syncer.loaded import LoadedPolicies
from services.inference.syncer.reconciler import Pace, Syncer
from services.inference.syncer.weight_files import read_files
from services.inference.syncer.weight_slot import WeightSlot
from shared.errors import CheckpointCorruptError, InvalidInputError, MorrowError, UnavailableError
from shared.wire import CheckpointRef, EngineReport
from tests.unit.inference.fakes import FakeAdmin, FakeCoordinator, clocks, ref

A, B = ref("a"), ref("b")
CONFIG = {"architectures": ["Tiny"], "hidden_size": 2}


def write(folder: Path, content: bytes, *, shape: tuple[int, ...] = (4,), config: dict[str, object] = CONFIG) -> Path:
    """A model of one tensor of bytes."""
    folder.mkdir(parents=True)
    header = json.dumps({"norm": {"dtype": "U8", "shape": shape, "data_offsets": [0, len(content)]}}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + content)
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@dataclass
class FakeWeights:
    """An engine's own weights: the content of the one tensor. `deaf` takes none, `lost` dies amid a reload."""

    content: bytes
    version: str = "default"
    on_hold: bool = False
    deaf: bool = False
    lost: bool = False
    calls: list[str] = field(default_factory=list)

    def paused(self) -> bool:
        return self.on_hold

    def pause(self) -> None:
        self.calls.append("pause")
        self.on_hold = True

    def resume(self) -> None:
        self.calls.append("resume")
        self.on_hold = False

    def reload(self, folder: Path) -> None:
        assert self.on_hold
        self.calls.append(f"reload {folder.name}")
        if self.lost:
            raise UnavailableError("the engine does not answer")
        if not self.deaf:
            self.content = (folder / "model.safetensors").read_bytes()[-4:]

    def name_version(self, version: str) -> None:
        self.calls.append(f"name {version}")
        self.version = version

    def weight_version(self) -> str:
        return self.version

    def checksums(self) -> dict[str, str]:
        return {"dp0:norm": hashlib.sha256(self.content).hexdigest(), "dp0:joined": "of several"}

    def fingerprint(self) -> list[float]:
        assert not self.on_hold
        return [float(byte) for byte in self.content]

    def restart(self, base: bytes) -> None:
        """Start anew."""
        self.content, self.version, self.on_hold = base, "default", False


@dataclass
class FolderStore:
    """A store of plain folders, of which some are corrupt."""

    root: Path
    corrupt: set[str] = field(default_factory=set)

    def verified(self, ref: CheckpointRef) -> Path:
        if ref.id in self.corrupt:
            raise CheckpointCorruptError(f"checkpoint {ref.id}: weights are changed")
        return self.root / ref.id


class World:
    """A syncer with a slot amid fakes. A and B are full checkpoints, and a second on the clock passes at each tick."""

    def __init__(self, root: Path) -> None:
        base = write(root / "base", b"base")
        write(root / A.id, b"aaaa")
        write(root / B.id, b"bbbb")
        self.now = 100.0
        self.weights = FakeWeights(b"base")
        self.engine = FakeAdmin()
        self.coordinator = FakeCoordinator()
        self.store = FolderStore(root)
        self.loaded = LoadedPolicies()
        self.slot = WeightSlot(self.weights, self.loaded, base)
        self.syncer = Syncer(
            coordinator=self.coordinator,
            engine=self.engine,
            store=self.store,
            loaded=self.loaded,
            url="http://engine",
            clocks=clocks(lambda: self.now),
            slot=self.slot,
            pace=Pace(grace=30, retry=10, report=10),
        )

    def serve(self, *refs: CheckpointRef, served: str | None) -> EngineReport:
        """What the syncer reports once these are wanted."""
        self.coordinator.checkpoints, self.coordinator.served = list(refs), served
        return self.tick()

    def tick(self, count: int = 1) -> EngineReport:
        """A tick a second."""
        for _ in range(count):
            self.syncer.tick()
            self.now += 1
        return self.coordinator.reports[-1]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_served_full_checkpoint_takes_the_slot_and_is_named_before_anyone_is_answered(world: World) -> None:
    assert world.tick().loaded == ["base"]
    report = world.serve(A, served=A.id)
    assert (report.loaded, report.ready) == ([A.id], True)
    assert world.weights.calls == ["pause", "name unverified", f"reload {A.id}", f"name {A.id}", "resume"]
    assert world.loaded.slot == A.id


def test_the_base_gets_its_slot_back_when_no_full_checkpoint_is_served(world: World) -> None:
    world.serve(A, served=A.id)
    report = world.serve(A, served=None)
    assert (report.loaded, report.ready, world.weights.content) == (["base"], True, b"base")


def test_adapters_leave_before_the_weights_under_them_do(world: World) -> None:
    adapter = ref("c")
    (world.store.root / adapter.id).mkdir()
    assert world.serve(adapter, served=adapter.id).loaded == ["base", adapter.id]
    report = world.serve(adapter, A, served=A.id)
    assert report.loaded == [A.id]
    assert world.engine.calls[-1] == ("unload", adapter.id)
    assert world.serve(adapter, A, served=adapter.id).loaded == ["base", adapter.id]


def test_of_several_wanted_full_checkpoints_only_the_served_one_is_held(world: World) -> None:
    assert world.serve(A, B, served=B.id).loaded == [B.id]


def test_an_engine_that_did_not_take_the_weights_stays_paused_and_says_why(world: World) -> None:
    world.tick()
    world.weights.deaf = True
    report = world.serve(A, served=A.id)
    assert (report.loaded, report.ready) == ([], False)
    assert "norm in the engine is not that of the checkpoint" in (report.error or "")
    assert world.weights.on_hold
    assert "norm in the engine" in world.loaded.readiness.reason
    world.weights.deaf = False
    assert world.tick(11).loaded == [A.id]
    assert not world.weights.on_hold


def test_weights_that_are_joined_in_the_engine_are_told_apart_by_how_they_speak(world: World) -> None:
    world.tick()
    world.slot._stable = frozenset()
    world.weights.deaf = True
    report = world.serve(A, served=A.id)
    assert not report.ready
    assert world.weights.on_hold


def test_an_engine_killed_amid_a_swap_is_ready_again_only_with_what_is_served(world: World) -> None:
    world.tick()
    world.weights.lost = True
    assert not world.serve(A, served=A.id).ready
    world.engine.down = True
    assert not world.tick().ready
    world.engine.down, world.weights.lost = False, False
    world.weights.restart(b"base")
    assert world.tick().loaded == [A.id]


def test_a_syncer_that_finds_a_paused_or_a_named_engine_trusts_neither(world: World) -> None:
    world.weights.on_hold, world.weights.version, world.weights.content = True, A.id, b"junk"
    assert world.serve(A, served=A.id).ready
    assert world.weights.content == b"aaaa"
    assert "resume" in world.weights.calls


def test_a_corrupt_or_unfitting_checkpoint_never_reaches_the_engine_and_the_present_one_stays(world: World) -> None:
    world.serve(A, served=A.id)
    before = list(world.weights.calls)
    world.store.corrupt = {B.id}
    report = world.serve(A, B, served=B.id)
    assert (report.loaded, report.ready) == ([A.id], False)
    world.store.corrupt = set()
    (world.store.root / B.id / "config.json").write_text(json.dumps(CONFIG | {"hidden_size": 3}))
    report = world.tick(11)
    assert (report.loaded, report.ready) == ([A.id], False)
    assert "hidden_size" in (report.error or "")
    assert world.weights.calls == before


def test_nobody_reads_while_weights_are_replaced(world: World) -> None:
    world.tick()

    async def read() -> None:
        async with world.loaded.reading("base", 0):
            swap = asyncio.create_task(asyncio.to_thread(world.serve, A, served=A.id))
            await asyncio.sleep(0.05)
            assert not any("reload" in call for call in world.weights.calls)
        await swap
        async with world.loaded.reading(A.id, 0):
            pass
        with pytest.raises(UnavailableError, match=f"has not loaded base, only {A.id}"):
            async with world.loaded.reading("base", 5):
                pass

    asyncio.run(read())


def test_files_that_are_cut_short_or_no_safetensors_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "cut", b"aaaa")
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointCorruptError, match="incomplete metadata"):
        read_files(folder)
    path.write_bytes(b"\x80\x04pickle")
    with pytest.raises(CheckpointCorruptError, match="header too large"):
        read_files(folder)
    path.unlink()
    with pytest.raises(InvalidInputError, match="holds no full weights"):
        read_files(folder)


def test_a_tensor_of_another_shape_is_named(world: World, tmp_path: Path) -> None:
    with pytest.raises(MorrowError, match="another shape: norm"):
        world.slot.fitting("wide", write(tmp_path / "wide", b"aaaaaaaa", shape=(8,)))
