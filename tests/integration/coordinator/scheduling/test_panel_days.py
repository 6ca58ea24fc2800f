"""A run with a panel: the scored policies, their comparison with the base, and the chain beside it."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.coordinator.database import Sessions
from shared.wire import EvaluateTask, GenerateTask, TrainTask
from tests.factories import day, make_corpus, make_panel
from tests.fakes import FakeWorker
from tests.integration.coordinator.backfills.test_lifecycle import appear
from tests.integration.coordinator.conftest import Get, Sql, Start

PANEL = {"panel": "held-out", "panel_rollouts": 3, "panel_profile": "loose"}


@pytest.fixture
def panel(sessions: Sessions) -> list[int]:
    """A corpus of six days, the last headline of days 0 and 1 held out; answers their ids."""
    return make_panel(sessions, make_corpus(sessions, dates=6, per_day=3), [day(0), day(1)])


def scoring(worker: FakeWorker, kind: type[Any], panel: list[int]) -> list[Any]:
    """The tasks of a kind that were about the panel, known by their number of rollouts."""
    return [task for task in worker.tasks if isinstance(task, kind) and task.config.rollouts == 3]


def test_the_base_and_every_checkpoint_are_scored_on_the_panel(
    get: Get, worker: FakeWorker, start: Start, panel: list[int]
) -> None:
    run = start(last=day(2), **PANEL)
    assert (run["panel_days"], run["days"]) == ({"generating": 1, "pending": 3}, {"generating": 2, "pending": 1})
    worker.do_all("RUN")
    checkpoints = [found["id"] for found in get("/backfills/RUN/checkpoints")]
    days = get("/backfills/RUN/days?role=panel")
    assert [(found["date"], found["policy"], found["state"]) for found in days] == [
        (str(day(-1)), "base", "scored"),
        *((str(day(number)), checkpoint, "scored") for number, checkpoint in enumerate(checkpoints)),
    ]
    run = get("/backfills/RUN")
    assert (run["state"], run["days"], run["panel_days"]) == ("completed", {"published": 3}, {"scored": 4})
    assert (run["progress"]["fraction"], run["progress"]["steps_total"]) == (1.0, 3 * 3 + 4 * 2)


def test_panel_tasks_are_alike_for_every_checkpoint_and_all_free(
    worker: FakeWorker, start: Start, panel: list[int], get: Get
) -> None:
    start(last=day(1), **PANEL)
    worker.do_all("RUN")
    for task in scoring(worker, GenerateTask, panel):
        assert [headline.id for headline in task.headlines] == panel
        assert (task.profile, task.config.free_rollouts, task.config.ab_share) == ("loose", 3, 0.0)
    rollouts = get("/backfills/RUN/rollouts?role=panel")
    assert len(rollouts) == 3 * 2 * 3
    assert {found["arm"] for found in rollouts} == {"free"}
    assert len(get("/backfills/RUN/rollouts")) == (2 + 2) * 2
    assert len(get("/backfills/RUN/evaluations?role=panel")) == len(rollouts)


def test_panel_groups_carry_their_own_outcomes_and_the_bases_lines(
    worker: FakeWorker, start: Start, panel: list[int]
) -> None:
    start(last=day(1), **PANEL)
    worker.do_all("RUN")
    base, *others = scoring(worker, EvaluateTask, panel)
    assert base.date == day(-1)
    assert {task.date for task in others} == {day(0), day(1)}
    for task in (base, *others):
        assert task.outcomes == []
        assert [group.date for group in task.groups] == [day(0), day(1)]
        assert [group.outcomes for group in task.groups] == [
            [f"headline {place} of {day(number)}" for place in range(3)] for number in (1, 2)
        ]
        assert [group.peers for group in task.groups] == [
            [f"headline {place} of {day(number)}" for place in range(3)] for number in (0, 1)
        ]
        compared = [] if task is base else ["forecast 0", "forecast 1", "forecast 2"]
        assert [group.reference for group in task.groups] == [compared, compared]


def test_groups_carry_the_headlines_of_their_day_as_peers(worker: FakeWorker, start: Start, panel: list[int]) -> None:
    start(last=day(1), headlines=1, **PANEL)
    worker.do_all("RUN")
    chain = [task for task in worker.tasks if isinstance(task, EvaluateTask) and task.config.rollouts == 2]
    assert [task.peers for task in chain] == [
        [f"headline {place} of {day(number)}" for place in range(3)] for number in (0, 1)
    ]


def test_a_checkpoint_is_not_compared_before_the_bases_lines_are_scored(
    worker: FakeWorker, start: Start, panel: list[int], get: Get
) -> None:
    start(last=day(0), **PANEL)
    ready = {task.date: task for task in (worker.take(step_id) for step_id in worker.queued("RUN"))}
    worker.post(ready[day(0)])
    worker.do_all("RUN")
    assert [found["state"] for found in get("/backfills/RUN/days?role=panel")] == ["generating", "generating"]
    worker.post(ready[day(-1)])
    worker.do_all("RUN")
    assert get("/backfills/RUN")["state"] == "completed"


def test_panel_headlines_are_never_trained_on(
    worker: FakeWorker, start: Start, panel: list[int], get: Get, sql: Sql
) -> None:
    sql(
        "update headlines set text_key = 'the same' where id = :one or date = :date and position = 0",
        one=panel[0],
        date=day(3),
    )
    start(last=day(3), **PANEL)
    worker.do_all("RUN")
    assert [(found["headlines"], found["left_out"]) for found in get("/backfills/RUN/days")] == [
        (2, {"panel": 1}),
        (2, {"panel": 1}),
        (3, {}),
        (2, {"panel": 1}),
    ]
    trained = {group.group_id for task in worker.tasks if isinstance(task, TrainTask) for group in task.groups}
    rows = sql("select id from groups where headline_id = any(:panel)", panel=panel)
    assert rows
    assert not trained & {row.id for row in rows}


def test_every_nth_checkpoint_and_the_last_are_scored(
    worker: FakeWorker, start: Start, panel: list[int], get: Get
) -> None:
    start(last=day(4), panel_every=2, **PANEL)
    worker.do_all("RUN")
    dates = [found["date"] for found in get("/backfills/RUN/days?role=panel")]
    assert dates == [str(day(number)) for number in (-1, 1, 3, 4)]


def test_dropped_day_drops_its_panel_day_and_the_new_last_day_is_scored(
    worker: FakeWorker, start: Start, panel: list[int], get: Get, sql: Sql
) -> None:
    appear(sql, day(4), f"{day(1)} 08:00Z")
    start(last=day(4), panel_every=9, **PANEL)
    worker.do_all("RUN")
    assert [found["state"] for found in get("/backfills/RUN/days")][-2:] == ["published", "skipped"]
    assert [(found["date"], found["state"]) for found in get("/backfills/RUN/days?role=panel")] == [
        (str(day(-1)), "scored"),
        (str(day(3)), "scored"),
        (str(day(4)), "skipped"),
    ]
    run = get("/backfills/RUN")
    assert (run["state"], run["progress"]["fraction"]) == ("completed", 1.0)


def test_failed_panel_day_leaves_the_chain_running_and_is_retried(
    client: TestClient, worker: FakeWorker, start: Start, panel: list[int], get: Get
) -> None:
    start(last=day(2), **PANEL)
    [step_id] = [found["id"] for found in get("/backfills/RUN/steps?role=panel")]
    worker.fail(worker.take(step_id), "out of memory", retryable=False)
    assert get("/backfills/RUN")["state"] == "failing"
    worker.do_all("RUN")
    run = get("/backfills/RUN")
    assert (run["state"], run["days"]) == ("failed", {"published": 3})
    assert run["reason"] == "panel of 2025-08-17: generate 0 failed at attempt 1: out of memory"
    assert client.post("/v1/backfills/RUN/retry", json={"date": str(day(-1))}).status_code == 200
    worker.do_all("RUN")
    assert get("/backfills/RUN")["state"] == "completed"


def test_a_cancelled_run_cancels_its_panel(client: TestClient, start: Start, panel: list[int], get: Get) -> None:
    start(last=day(1), **PANEL)
    cancelled = client.post("/v1/backfills/RUN/cancel").json()
    assert (cancelled["days"], cancelled["panel_days"]) == ({"cancelled": 2}, {"cancelled": 3})


def test_dry_run_counts_the_steps_of_the_panel(client: TestClient, panel: list[int]) -> None:
    body = {"name": "X", "corpus": "sample", "to": str(day(1)), "config": {"rollouts": 2} | PANEL}
    plan = client.post("/v1/backfills?dry_run=true", json=body).json()
    assert (plan["panel_days"], plan["warm_start"]) == (3, 0)
    assert plan["steps"] == {"generate": 2 + 3, "evaluate": 2 + 3, "train": 2}
    assert plan["rollouts"] == (2 + 2) * 2 + 3 * 2 * 3


@pytest.mark.parametrize(
    ("config", "detail"),
    [
        ({"panel": "none"}, "config.panel: corpus 'sample' has no panel 'none'; `morrow panel create sample none`"),
        (
            {"panel": "held-out", "horizon": "1w"},
            "config.panel: no day of the corpus can settle forecasts of 2025-08-19",
        ),
        ({"prices": "none"}, "config.prices: there is no price set 'none'"),
    ],
)
def test_unsuitable_panel_or_price_set_is_refused_with_the_cure(
    client: TestClient, panel: list[int], config: dict[str, Any], detail: str
) -> None:
    answer = client.post("/v1/backfills", json={"name": "RUN", "corpus": "sample", "config": config})
    assert (answer.status_code, detail in answer.json()["detail"]) == (422, True), answer.text


def test_no_day_is_shown_under_a_role_that_it_does_not_have(client: TestClient, start: Start, panel: list[int]) -> None:
    start(last=day(1), **PANEL)
    assert client.get(f"/v1/backfills/RUN/days/{day(-1)}").status_code == 404
    assert client.get(f"/v1/backfills/RUN/days/{day(-1)}?role=panel").json()["policy"] == "base"
    assert client.get(f"/v1/backfills/RUN/days/{day(-1)}/logs?role=panel").status_code == 200
    assert client.get("/v1/backfills/RUN/days?role=other").status_code == 422
