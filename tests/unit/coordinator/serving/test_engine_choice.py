"""The policy that answers a forecast, and the order of its engines."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from services.coordinator.serving.rules import by_load, choose_policy
from services.coordinator.serving.schemas import EngineView

NOW = dt.datetime(2025, 8, 18, tzinfo=dt.UTC)
POLICIES = ["base", "a", "b", "c"]


def engine(url: str, *loaded: str, stale: bool = False, ready: bool = True, syncer: bool = True) -> EngineView:
    return EngineView(
        url=url,
        syncer_url=f"{url}/syncer" if syncer else None,
        loaded=list(loaded),
        load_seconds={},
        verified_at={},
        ready=ready,
        stale=stale,
        age_seconds=1.0,
        error=None,
        first_seen=NOW,
        seen_at=NOW,
    )


engines = st.lists(
    st.builds(
        lambda url, loaded, stale, ready, syncer: engine(url, *loaded, stale=stale, ready=ready, syncer=syncer),
        st.uuids().map(str),
        st.sets(st.sampled_from(POLICIES)),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
    max_size=5,
)
checkpoint = st.none() | st.sampled_from(POLICIES[1:])


@given(requested=st.sampled_from(["served", *POLICIES]), served=checkpoint, previous=checkpoint, found=engines)
def test_only_live_engines_with_the_policy_loaded_and_a_syncer_are_chosen(
    requested: str, served: str | None, previous: str | None, found: list[EngineView]
) -> None:
    choice = choose_policy(requested, served, previous, found)
    able = [one for one in found if choice.policy in one.loaded and not one.stale and one.syncer_url]
    assert list(choice.engines) == able
    if requested != "served":
        assert choice.policy == requested
    else:
        assert choice.policy in {served or "base", previous or "base"}


@given(served=checkpoint, previous=checkpoint, found=engines)
def test_the_served_policy_answers_once_an_engine_has_loaded_it(
    served: str | None, previous: str | None, found: list[EngineView]
) -> None:
    choice = choose_policy("served", served, previous, found)
    holds = any((served or "base") in one.loaded and not one.stale and one.syncer_url for one in found)
    assert (choice.policy == (served or "base")) or not holds


def test_without_engines_the_choice_is_the_served_policy() -> None:
    assert choose_policy("served", "b", "a", []).policy == "b"
    assert choose_policy("served", None, None, []).policy == "base"


def test_the_base_answers_until_an_engine_has_loaded_the_first_promotion() -> None:
    assert choose_policy("served", "a", None, [engine("e", "base")]).policy == "base"


def test_engines_are_ordered_by_readiness_load_and_tie_break() -> None:
    found = [engine("late", ready=False), engine("busy"), engine("idle"), engine("other")]
    lots = iter([0.1, 0.2, 0.9, 0.3])
    order = by_load(found, {"busy": 2}, lambda: next(lots))
    assert [one.url for one in order] == ["other", "idle", "busy", "late"]
