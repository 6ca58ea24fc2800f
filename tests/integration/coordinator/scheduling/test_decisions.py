"""The schedules' values of a day: the stored figures that they follow from, and their way into tasks."""

from __future__ import annotations

from typing import Any

import pytest

from services.coordinator.database import Sessions
from shared.wire import EvaluateTask, GenerateTask, TrainTask
from tests.factories import day, evaluated, generated, make_corpus
from tests.fakes import FakeWorker
from tests.integration.coordinator.conftest import Get, Start

Figures = dict[int, tuple[bool, bool]]


def finish(worker: FakeWorker, validities: dict[int, float], leaks: dict[int, float] | None = None) -> None:
    """Do all steps; of the days named, that share of rollouts is valid at first sight, or leaks."""
    while queued := worker.queued("RUN"):
        for step_id in queued:
            task = worker.take(step_id)
            number = (task.date - day(0)).days
            result = worker.result(task)
            if isinstance(task, GenerateTask):
                result = generated(task)
                strict = validities.get(number, 0.0) * task.config.rollouts
                for group in result.groups:
                    group.rollouts[:] = [
                        r.model_copy(update={"raw_strict": r.index < round(strict)}) for r in group.rollouts
                    ]
            elif isinstance(task, EvaluateTask):
                leaking = round((leaks or {}).get(number, 0.0) * 10)
                result = evaluated(task, reward=0.25)
                result.evaluations[:] = [
                    r.model_copy(update={"leak": place % 10 < leaking}) for place, r in enumerate(result.evaluations)
                ]
            assert worker.post(task, result).status_code == 200


def decisions(get: Get, what: str) -> list[Any]:
    return [found["decisions"].get(what) for found in get("/backfills/RUN/days")]


def test_an_auto_profile_leaves_tight_by_the_figures_of_its_policy_day_and_comes_back(
    sessions: Sessions, worker: FakeWorker, start: Start, get: Get
) -> None:
    make_corpus(sessions, dates=8, per_day=1)
    start(last=day(6), lag=0, rollouts=10, profile="loose", profile_policy="auto")
    finish(worker, {0: 0.1, 1: 0.6, 2: 0.7, 3: 0.0, 4: 0.0}, {2: 0.1})
    profiles = [found["profile"] for found in get("/backfills/RUN/days")]
    assert profiles == ["tight", "default", "loose", "default", "tight", "tight", "tight"]
    assert decisions(get, "profile")[:4] == [
        {"value": "tight", "policy": "auto", "figures": {}, "day": None},
        {
            "value": "default",
            "policy": "auto",
            "figures": {"profile": "tight", "raw_validity": 0.1, "leak": 0.0},
            "day": str(day(0)),
        },
        {
            "value": "loose",
            "policy": "auto",
            "figures": {"profile": "default", "raw_validity": 0.6, "leak": 0.0},
            "day": str(day(1)),
        },
        {
            "value": "default",
            "policy": "auto",
            "figures": {"profile": "loose", "raw_validity": 0.7, "leak": 0.1},
            "day": str(day(2)),
        },
    ]
    sampled = {task.date: task.profile for task in worker.tasks if isinstance(task, GenerateTask)}
    assert [sampled[day(number)] for number in range(7)] == profiles


def test_fixed_profile_is_the_configured_one(sessions: Sessions, worker: FakeWorker, start: Start, get: Get) -> None:
    make_corpus(sessions, dates=3, per_day=1)
    start(last=day(1), profile="loose")
    finish(worker, {0: 1.0})
    assert [found["profile"] for found in get("/backfills/RUN/days")] == ["loose", "loose"]
    assert decisions(get, "profile") == [None, None]


def test_the_b_arm_runs_in_steps_of_its_own(sessions: Sessions, worker: FakeWorker, start: Start, get: Get) -> None:
    make_corpus(sessions, dates=3, per_day=5)
    run = start(last=day(1), ab_share=0.4, ab_profile="loose", generate_chunk=2, evaluate_chunk=5)
    assert run["progress"]["steps_total"] == 2 * (2 + 1 + 1 + 1)
    worker.do_all("RUN")
    ab = decisions(get, "ab")
    assert [(found["share"], found["profiles"], len(found["headlines"])) for found in ab] == [
        (0.4, ["tight", "loose"], 2)
    ] * 2
    assert ab[0]["headlines"] != ab[1]["headlines"]
    tasks = [task for task in worker.tasks if isinstance(task, GenerateTask) and task.date == day(0)]
    assert [(task.profile, len(task.headlines)) for task in tasks] == [("tight", 2), ("tight", 1), ("loose", 2)]
    assert [headline.id for headline in tasks[-1].headlines] == ab[0]["headlines"]
    by_profile = {r["headline_id"]: r["profile"] for r in get(f"/backfills/RUN/rollouts?date={day(0)}")}
    assert {headline for headline, profile in by_profile.items() if profile == "loose"} == set(ab[0]["headlines"])


def test_a_step_of_the_b_arm_is_refused_under_the_days_own_profile(
    sessions: Sessions, worker: FakeWorker, start: Start
) -> None:
    make_corpus(sessions, dates=2, per_day=2)
    start(last=day(0), ab_share=1.0, ab_profile="loose")
    task = worker.take(worker.queued("RUN")[0])
    assert isinstance(task, GenerateTask)
    answer = worker.post(task, generated(task, profile="tight"))
    assert (answer.status_code, "expected loose, got tight" in answer.json()["detail"]) == (422, True)


def test_bonus_falls_with_the_days_own_raw_validity(
    sessions: Sessions, worker: FakeWorker, start: Start, get: Get
) -> None:
    make_corpus(sessions, dates=4, per_day=1)
    start(last=day(2), rollouts=20, bonus=0.2, bonus_end=0.1)
    finish(worker, {0: 0.5, 1: 0.85, 2: 1.0})
    assert [found["bonus"] for found in get("/backfills/RUN/days")] == pytest.approx([0.2, 0.15, 0.1])
    assert decisions(get, "bonus")[1] == {
        "value": pytest.approx(0.15),
        "schedule": "on_validity",
        "figures": {"raw_validity": 0.85},
        "day": str(day(1)),
    }
    bonuses = {task.date: task.bonus for task in worker.tasks if isinstance(task, EvaluateTask)}
    assert [bonuses[day(number)] for number in range(3)] == pytest.approx([0.2, 0.15, 0.1])


def test_a_reward_beyond_the_days_bonus_is_refused(sessions: Sessions, worker: FakeWorker, start: Start) -> None:
    make_corpus(sessions, dates=2, per_day=1)
    start(last=day(0), bonus=0.5, bonus_end=0.0)
    task = worker.take(worker.queued("RUN")[0])
    assert isinstance(task, GenerateTask)
    assert worker.post(task, generated(task, raw_strict=True)).status_code == 200
    scoring = worker.take(worker.queued("RUN")[0])
    assert isinstance(scoring, EvaluateTask)
    answer = worker.post(scoring, evaluated(scoring, reward=1.2))
    assert (answer.status_code, "from 0 to 1 + the day's bonus 0" in answer.json()["detail"]) == (422, True)


def test_linear_schedules_reach_their_ends_on_the_last_planned_day(
    sessions: Sessions, worker: FakeWorker, start: Start, get: Get
) -> None:
    make_corpus(sessions, dates=4, per_day=1)
    rates = {"learning_rate": 3e-4, "learning_rate_end": 1e-4, "learning_rate_schedule": "linear"}
    start(last=day(2), bonus=0.2, bonus_end=0.0, bonus_schedule="linear", **rates)
    worker.do_all("RUN")
    days = get("/backfills/RUN/days")
    assert [found["bonus"] for found in days] == pytest.approx([0.2, 0.1, 0.0])
    assert [found["learning_rate"] for found in days] == pytest.approx([3e-4, 2e-4, 1e-4])
    assert decisions(get, "learning_rate")[2]["figures"] == {"place": 2, "days": 3}
    assert [task.learning_rate for task in worker.tasks if isinstance(task, TrainTask)] == pytest.approx(
        [3e-4, 2e-4, 1e-4]
    )


def test_plateaus_depend_on_complete_figures_only_whatever_the_pace(
    sessions: Sessions, worker: FakeWorker, start: Start, get: Get
) -> None:
    make_corpus(sessions, dates=7, per_day=1)
    plateau = {"plateau_days": 2, "plateau_factor": 0.5}
    schedules = {"bonus": 0.2, "bonus_schedule": "on_plateau", "learning_rate_schedule": "on_plateau"}
    start(last=day(5), learning_rate=4e-4, **plateau, **schedules)
    worker.do_all("RUN")
    days = get("/backfills/RUN/days")
    # All rewards are alike: the second and the fourth day after the first bring nothing new.
    assert [found["learning_rate"] for found in days] == pytest.approx([4e-4, 4e-4, 4e-4, 2e-4, 2e-4, 1e-4])
    bonus = decisions(get, "bonus")
    # Of the days before, those up to the policy day are known to be complete: day 5 looks at 0 to 3 and itself.
    assert [len(found["figures"]["history"]) for found in bonus] == [1, 1, 2, 3, 4, 5]
    assert [found["bonus"] for found in days] == pytest.approx([0.2, 0.2, 0.2, 0.1, 0.1, 0.05])


def test_constant_schedules_store_their_value(sessions: Sessions, worker: FakeWorker, start: Start, get: Get) -> None:
    make_corpus(sessions, dates=2, per_day=1)
    start(last=day(0), bonus=0.3, bonus_schedule="constant", learning_rate=1e-4)
    worker.do_all("RUN")
    [found] = get("/backfills/RUN/days")
    assert (found["role"], found["bonus"], found["learning_rate"]) == ("chain", 0.3, 1e-4)
    assert found["decisions"] == {
        "bonus": {"value": 0.3, "schedule": "constant", "figures": {}, "day": None},
        "learning_rate": {"value": 1e-4, "schedule": "constant", "figures": {}, "day": None},
    }
