from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from services.coordinator.panels.rules import Candidate, seeded_sample

DAY = dt.date(2025, 8, 18)


def candidates(number: int, first_id: int = 1) -> list[Candidate]:
    return [Candidate(first_id + n, DAY + dt.timedelta(days=n // 5), n % 5, f"headline {n}") for n in range(number)]


def texts(chosen: list[Candidate]) -> list[str]:
    return [candidate.text_key for candidate in chosen]


def test_the_sample_is_pinned() -> None:
    # The four lowest SHA-256 of "0", date and text, one a line, computed apart from the code.
    assert texts(seeded_sample(candidates(20), 4, seed=0)) == ["headline 1", "headline 4", "headline 6", "headline 9"]


def test_the_sample_depends_on_headlines_not_on_row_ids() -> None:
    elsewhere = list(reversed(candidates(20, first_id=700)))
    assert texts(seeded_sample(elsewhere, 6, seed=3)) == texts(seeded_sample(candidates(20), 6, seed=3))


def test_another_seed_samples_other_headlines() -> None:
    assert texts(seeded_sample(candidates(50), 6, seed=1)) != texts(seeded_sample(candidates(50), 6, seed=2))


def test_a_repeated_text_is_sampled_once() -> None:
    repeated = [Candidate(n, DAY + dt.timedelta(days=n), 0, "the same") for n in range(5)]
    assert len(seeded_sample([*repeated, *candidates(3, first_id=10)], 9, seed=0)) == 4


@given(st.integers(0, 30), st.integers(1, 12), st.integers(0, 1000))
def test_a_larger_sample_contains_the_smaller_one(available: int, number: int, seed: int) -> None:
    pool = candidates(available)
    small, large = seeded_sample(pool, number, seed), seeded_sample(pool, number + 3, seed)
    assert set(small) <= set(large)
    assert len(small) == min(number, available)
    assert small == sorted(small, key=lambda candidate: (candidate.date, candidate.position))
