"""The delay between two attempts at a step."""

from __future__ import annotations

import pytest

from services.coordinator.backoff import Backoff


@pytest.mark.parametrize(("attempts", "longest"), [(1, 1.0), (2, 2.0), (3, 4.0), (7, 60.0), (1000, 60.0)])
def test_the_wait_doubles_up_to_the_cap_and_half_of_it_is_chance(attempts: int, longest: float) -> None:
    waits = [Backoff().seconds(attempts) for _ in range(200)]
    assert all(longest / 2 <= wait <= longest for wait in waits)
    assert len(set(waits)) > 100
