"""How many steps a worker holds."""

from __future__ import annotations

import pytest

from shared.errors import StoppedError
from shared.worker.load import Load
from shared.worker.steps import Lease


def test_a_worker_without_steps_takes_one() -> None:
    assert Load().has_room(0)
    assert Load(capacity=64).has_room(0)


def test_without_a_known_capacity_it_takes_no_second_one() -> None:
    load = Load()
    with load.step(Lease(1, 1), 1):
        assert not load.has_room(1)


def test_another_step_is_taken_once_fewer_rows_are_in_flight_than_the_engine_decodes_together() -> None:
    load = Load(capacity=8)
    with load.step(Lease(1, 1), 12) as ended:
        ended(4)
        assert (load.rows, load.has_room(1)) == (8, False)
        ended(1)
        assert (load.rows, load.has_room(1)) == (7, True)
        with load.step(Lease(2, 1), 12):
            assert (load.rows, load.has_room(2)) == (19, False)


def test_no_step_is_taken_while_the_rows_of_a_taken_one_are_unknown() -> None:
    load = Load(capacity=8)
    with load.step(Lease(1, 1), 4):
        assert load.has_room(1)
        assert not load.has_room(2)


def test_a_step_whose_result_is_being_posted_holds_no_rows_and_leaves_with_its_end() -> None:
    load = Load(capacity=8)
    with load.step(Lease(1, 1), 12) as ended:
        ended(2)
    assert load.has_room(1)
    load.leave(1)
    load.leave(1)
    assert (load.rows, load.has_room(0), load.has_room(1)) == (0, True, False)


def test_all_steps_can_be_stopped_at_once() -> None:
    load, leases = Load(capacity=8), [Lease(1, 1), Lease(2, 1)]
    with load.step(leases[0], 4), load.step(leases[1], 4):
        load.revoke("the worker is shutting down")
    for lease in leases:
        with pytest.raises(StoppedError, match="shutting down"):
            lease.check()
