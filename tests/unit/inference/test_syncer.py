"""One engine and what is wanted of it, tick by tick."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import pytest

from services.inference.syncer import Pace, Syncer
from shared.wire import EngineReport
from tests.unit.inference.fakes import FakeAdmin, FakeServing, FakeStore, ref

A, B = ref("a"), ref("b")


@dataclass
class World:
    """A syncer amid fakes, with a clock that is moved by hand."""

    serving: FakeServing = field(default_factory=FakeServing)
    engine: FakeAdmin = field(default_factory=FakeAdmin)
    store: FakeStore = field(default_factory=FakeStore)
    now: float = 100.0

    def __post_init__(self) -> None:
        pace = Pace(grace=30, retry=10, report=10)
        self.syncer = Syncer(self.serving, self.engine, self.store, "http://engine", lambda: self.now, pace)

    def ticks(self, count: int = 1) -> None:
        """A tick a second."""
        for _ in range(count):
            self.syncer.tick()
            self.now += 1

    @property
    def last(self) -> EngineReport:
        """The newest report."""
        return self.serving.reports[-1]


def test_a_wanted_checkpoint_is_verified_loaded_probed_and_reported() -> None:
    world = World(FakeServing([A]))
    world.ticks()
    assert world.store.checked == [A.id]
    assert world.engine.calls == [("load", A.id), ("probe", A.id)]
    assert world.last == EngineReport(url="http://engine", loaded=["base", A.id], load_seconds={A.id: 0.0})


def test_what_is_loaded_is_not_loaded_again() -> None:
    world = World(FakeServing([A]))
    world.ticks(5)
    assert world.engine.calls == [("load", A.id), ("probe", A.id)]
    assert world.store.checked == [A.id]


def test_a_corrupt_checkpoint_is_reported_and_never_shown_to_the_engine() -> None:
    world = World(FakeServing([A, B]), store=FakeStore({A.id}))
    world.ticks()
    assert world.engine.calls == [("load", B.id), ("probe", B.id)]
    assert world.last.loaded == ["base", B.id]
    assert world.last.error == f"checkpoint {A.id}: weights are changed"


def test_a_failed_load_is_tried_again_after_a_while_and_its_error_goes_with_it() -> None:
    world = World(FakeServing([A]), store=FakeStore({A.id}))
    world.ticks(10)
    assert len(world.store.checked) == 1
    world.store.corrupt.clear()
    world.ticks()
    assert len(world.store.checked) == 2
    assert (world.last.loaded, world.last.error) == (["base", A.id], None)


def test_a_policy_that_answers_as_another_is_not_reported_as_loaded() -> None:
    world = World(FakeServing([A]), FakeAdmin(mute={A.id}))
    world.ticks()
    assert world.last.loaded == ["base"]
    assert world.last.error == f"probed for {A.id}, base answered"


def test_what_is_no_longer_wanted_is_unloaded_after_a_grace() -> None:
    world = World(FakeServing([A]))
    world.ticks()
    world.serving.checkpoints = []
    world.ticks(30)
    assert A.id in world.engine.served
    world.ticks()
    assert world.engine.served == ["base"]
    assert world.last.loaded == ["base"]


def test_being_wanted_again_ends_the_grace() -> None:
    world = World(FakeServing([A]))
    world.ticks()
    world.serving.checkpoints = []
    world.ticks(20)
    world.serving.checkpoints = [A]
    world.ticks()
    world.serving.checkpoints = []
    world.ticks(20)
    assert A.id in world.engine.served


def test_the_base_model_and_strangers_are_left_alone() -> None:
    world = World(engine=FakeAdmin(["base", "somebody-elses"]))
    world.ticks(40)
    assert world.engine.served == ["base", "somebody-elses"]
    assert world.last.loaded == ["base"]


def test_a_syncer_that_restarts_probes_what_the_engine_already_holds() -> None:
    world = World(FakeServing([A]), FakeAdmin(["base", A.id]))
    world.ticks()
    assert world.engine.calls == [("probe", A.id)]
    assert world.last.loaded == ["base", A.id]


def test_an_engine_that_restarts_is_given_everything_again() -> None:
    world = World(FakeServing([A]))
    world.ticks()
    world.engine.served = ["base"]
    world.ticks()
    assert world.engine.calls == [("load", A.id), ("probe", A.id)] * 2
    assert A.id in world.last.loaded


def test_an_engine_that_is_away_is_reported_as_holding_nothing() -> None:
    world = World(FakeServing([A]))
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
    assert len(world.serving.reports) == 1
    world.ticks()
    assert len(world.serving.reports) == 2
    world.serving.checkpoints = [A]
    world.ticks()
    assert len(world.serving.reports) == 3


def test_trouble_is_logged_when_it_comes_and_when_it_goes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "services.inference.syncer")
    world = World()
    world.serving.down = True
    world.ticks(5)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    world.serving.down = False
    world.ticks(5)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert world.last.loaded == ["base"]
