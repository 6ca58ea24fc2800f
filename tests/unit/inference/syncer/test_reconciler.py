"""One engine and what is wanted of it, tick by tick."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from dataclasses import dataclass, field

import pytest

from services.inference.syncer.loaded import LoadedPolicies
from services.inference.syncer.reconciler import Pace, Syncer
from shared.wire import EngineReport
from tests.unit.inference.fakes import FakeAdmin, FakeCoordinator, FakeStore, clocks, ref

A, B = ref("a"), ref("b")


@dataclass
class World:
    """A syncer amid fakes, with a clock that is moved by hand."""

    coordinator: FakeCoordinator = field(default_factory=FakeCoordinator)
    engine: FakeAdmin = field(default_factory=FakeAdmin)
    store: FakeStore = field(default_factory=FakeStore)
    now: float = 100.0

    def __post_init__(self) -> None:
        self.loaded = LoadedPolicies()
        self.syncer = Syncer(
            coordinator=self.coordinator,
            engine=self.engine,
            store=self.store,
            loaded=self.loaded,
            url="http://engine",
            clocks=clocks(lambda: self.now),
            syncer_url="http://syncer",
            pace=Pace(grace=30, retry=10, report=10),
        )

    def ticks(self, count: int = 1) -> None:
        """A tick a second."""
        for _ in range(count):
            self.syncer.tick()
            self.now += 1

    @property
    def last(self) -> EngineReport:
        """The newest report."""
        return self.coordinator.reports[-1]


def test_a_wanted_checkpoint_is_verified_loaded_probed_and_reported() -> None:
    world = World(FakeCoordinator([A]))
    world.ticks()
    assert world.store.checked == [A.id]
    assert world.engine.calls == [("load", A.id), ("probe", A.id)]
    then = dt.datetime.fromtimestamp(100, dt.UTC)
    assert world.last == EngineReport(
        url="http://engine",
        loaded=["base", A.id],
        load_seconds={A.id: 0.0},
        verified_at={"base": then, A.id: then},
        ready=True,
        syncer_url="http://syncer",
    )


def test_what_is_loaded_is_not_loaded_again() -> None:
    world = World(FakeCoordinator([A]))
    world.ticks(5)
    assert world.engine.calls == [("load", A.id), ("probe", A.id)]
    assert world.store.checked == [A.id]


def test_a_corrupt_checkpoint_is_reported_and_never_shown_to_the_engine() -> None:
    world = World(FakeCoordinator([A, B]), store=FakeStore({A.id}))
    world.ticks()
    assert world.engine.calls == [("load", B.id), ("probe", B.id)]
    assert world.last.loaded == ["base", B.id]
    assert world.last.error == f"checkpoint {A.id}: weights are changed"


def test_a_failed_load_is_tried_again_after_a_while_and_its_error_goes_with_it() -> None:
    world = World(FakeCoordinator([A]), store=FakeStore({A.id}))
    world.ticks(10)
    assert len(world.store.checked) == 1
    world.store.corrupt.clear()
    world.ticks()
    assert len(world.store.checked) == 2
    assert (world.last.loaded, world.last.error) == (["base", A.id], None)


def test_a_policy_that_answers_as_another_is_not_reported_as_loaded() -> None:
    world = World(FakeCoordinator([A]), FakeAdmin(mute={A.id}))
    world.ticks()
    assert world.last.loaded == ["base"]
    assert world.last.error == f"probed for {A.id}, base answered"


def test_what_is_no_longer_wanted_is_unloaded_after_a_grace() -> None:
    world = World(FakeCoordinator([A]))
    world.ticks()
    world.coordinator.checkpoints = []
    world.ticks(30)
    assert A.id in world.engine.served
    world.ticks()
    assert world.engine.served == ["base"]
    assert world.last.loaded == ["base"]


def test_being_wanted_again_ends_the_grace() -> None:
    world = World(FakeCoordinator([A]))
    world.ticks()
    world.coordinator.checkpoints = []
    world.ticks(20)
    world.coordinator.checkpoints = [A]
    world.ticks()
    world.coordinator.checkpoints = []
    world.ticks(20)
    assert A.id in world.engine.served


def test_the_base_model_and_strangers_are_left_alone() -> None:
    world = World(engine=FakeAdmin(["base", "somebody-elses"]))
    world.ticks(40)
    assert world.engine.served == ["base", "somebody-elses"]
    assert world.last.loaded == ["base"]


def test_a_syncer_that_restarts_probes_what_the_engine_already_holds() -> None:
    world = World(FakeCoordinator([A]), FakeAdmin(["base", A.id]))
    world.ticks()
    assert world.engine.calls == [("probe", A.id)]
    assert world.last.loaded == ["base", A.id]


def test_an_engine_that_restarts_is_given_everything_again() -> None:
    world = World(FakeCoordinator([A]))
    world.ticks()
    world.engine.served = ["base"]
    world.ticks()
    assert world.engine.calls == [("load", A.id), ("probe", A.id)] * 2
    assert A.id in world.last.loaded


def test_an_engine_that_is_away_is_reported_as_holding_nothing() -> None:
    world = World(FakeCoordinator([A]))
    world.ticks()
    world.engine.down = True
    world.ticks()
    assert (world.last.loaded, world.last.error) == ([], "the engine does not answer")
    world.engine.down = False
    world.ticks()
    assert (world.last.loaded, world.last.error) == (["base", A.id], None)


def test_an_unchanged_state_is_reported_now_and_then_and_a_change_at_once() -> None:
    world = World()
    world.ticks(10)
    assert len(world.coordinator.reports) == 1
    world.ticks()
    assert len(world.coordinator.reports) == 2
    world.coordinator.checkpoints = [A]
    world.ticks()
    assert len(world.coordinator.reports) == 3


def test_trouble_is_logged_when_it_comes_and_when_it_goes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "services.inference.syncer.reconciler")
    world = World()
    world.coordinator.down = True
    world.ticks(5)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    world.coordinator.down = False
    world.ticks(5)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert world.last.loaded == ["base"]


def test_it_is_ready_with_the_served_checkpoint_and_not_before() -> None:
    world = World(FakeCoordinator([A, B], served=A.id), store=FakeStore({A.id}))
    assert not world.loaded.readiness.ready
    world.ticks()
    assert (world.last.ready, world.last.loaded) == (False, ["base", B.id])
    assert "weights are changed" in world.loaded.readiness.reason
    world.store.corrupt.clear()
    world.ticks(10)
    assert (world.last.ready, world.loaded.readiness.ready) == (True, True)


def test_the_served_checkpoint_is_loaded_first() -> None:
    world = World(FakeCoordinator([A, B], served=B.id))
    world.ticks()
    assert [name for call, name in world.engine.calls if call == "load"] == [B.id, A.id]


def test_a_promotion_of_a_corrupt_checkpoint_leaves_the_present_one_in_use() -> None:
    world = World(FakeCoordinator([A], served=A.id), store=FakeStore({B.id}))
    world.ticks()
    world.coordinator.checkpoints, world.coordinator.served = [A, B], B.id
    world.ticks()
    assert A.id in world.last.loaded
    assert (world.last.ready, world.last.error) == (False, f"checkpoint {B.id}: weights are changed")
    assert ("load", B.id) not in world.engine.calls


def test_nothing_is_ready_before_it_is_known_what_is_served() -> None:
    world = World()
    world.coordinator.down = True
    world.ticks()
    assert "served checkpoint is unknown" in world.loaded.readiness.reason


def test_while_the_coordinator_is_away_a_restarted_engine_is_given_what_was_wanted_last() -> None:
    world = World(FakeCoordinator([A], served=A.id))
    world.ticks()
    world.coordinator.down = True
    world.engine.served = ["base"]
    world.ticks()
    assert A.id in world.engine.served
    assert world.loaded.readiness.ready


def test_an_engine_that_comes_back_is_served_at_once_whatever_failed_before() -> None:
    world = World(FakeCoordinator([A], served=A.id), FakeAdmin(mute={A.id}))
    world.ticks()
    world.engine.down = True
    world.ticks()
    world.engine.down, world.engine.mute, world.engine.served = False, set(), ["base"]
    world.ticks()
    assert world.last.ready


def test_a_policy_in_use_is_not_unloaded() -> None:
    world = World(FakeCoordinator([A]))
    world.ticks()

    async def use() -> None:
        async with world.loaded.reading(A.id, 0):
            world.coordinator.checkpoints = []
            world.ticks(40)
            assert A.id in world.engine.served

    asyncio.run(use())
    world.ticks()
    assert world.engine.served == ["base"]


def test_a_syncer_that_leaves_says_so() -> None:
    world = World(FakeCoordinator([A]))
    world.ticks()
    world.syncer.deregister()
    assert (world.last.leaving, world.last.ready, world.last.loaded) == (True, False, [])
    assert not world.loaded.readiness.ready
