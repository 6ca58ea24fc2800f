"""The sampler profile of a day: one step towards the widest that the previous day's figures allow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.coordinator.scheduling.rules.schedules import PROFILES, profile_schedule
from shared.run_config import ProfileName

shares = st.floats(0, 1)


@pytest.mark.parametrize(
    ("current", "validity", "leak", "expected"),
    [
        ("tight", 0.09, 0.0, "tight"),
        ("tight", 0.10, 0.10, "default"),
        ("tight", 0.50, 0.11, "tight"),
        ("tight", 0.95, 0.0, "default"),
        ("default", 0.59, 0.05, "default"),
        ("default", 0.60, 0.05, "loose"),
        ("default", 0.60, 0.06, "default"),
        ("default", 0.09, 0.0, "tight"),
        ("loose", 0.60, 0.05, "loose"),
        ("loose", 0.59, 0.0, "default"),
        ("loose", 0.90, 0.06, "default"),
        ("loose", 0.0, 1.0, "default"),
    ],
)
def test_the_profile_moves_one_notch_at_the_thresholds(
    current: ProfileName, validity: float, leak: float, expected: str
) -> None:
    assert profile_schedule(current, validity, leak) == expected


def test_it_leaves_tight_reaches_loose_and_comes_back() -> None:
    days = [(0.05, 0.0), (0.15, 0.02), (0.70, 0.01), (0.80, 0.20), (0.05, 0.0), (0.05, 0.0)]
    profile: ProfileName = "tight"
    seen = [profile]
    for validity, leak in days:
        profile = profile_schedule(profile, validity, leak)
        seen.append(profile)
    assert seen == ["tight", "tight", "default", "loose", "default", "tight", "tight"]


@given(st.sampled_from(PROFILES), shares, shares)
def test_it_never_moves_by_more_than_a_notch(current: ProfileName, validity: float, leak: float) -> None:
    assert abs(PROFILES.index(profile_schedule(current, validity, leak)) - PROFILES.index(current)) <= 1


@given(st.sampled_from(PROFILES), shares, shares, shares)
def test_more_validity_never_narrows_and_more_leak_never_widens(
    current: ProfileName, validity: float, leak: float, change: float
) -> None:
    here = PROFILES.index(profile_schedule(current, validity, leak))
    assert PROFILES.index(profile_schedule(current, min(1.0, validity + change), leak)) >= here
    assert PROFILES.index(profile_schedule(current, validity, min(1.0, leak + change))) <= here
