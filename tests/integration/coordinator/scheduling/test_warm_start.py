"""A run with a warm start: its training data, and the days whose policy and parent it is."""

from __future__ import annotations

from fastapi.testclient import TestClient

from services.coordinator.database import Sessions
from shared.wire import EvaluateTask, GenerateTask, TrainTask
from tests.factories import day, evaluated, make_corpus, make_panel
from tests.fakes import FakeWorker
from tests.integration.coordinator.conftest import Get, Sql, Start


def test_a_warm_start_is_the_parent_of_day_0_and_the_policy_of_days_that_have_no_other(
    get: Get, sessions: Sessions, worker: FakeWorker, start: Start
) -> None:
    make_corpus(sessions, dates=7)
    run = start(first=day(2), last=day(5), warm_start=4)
    assert (run["warm_start"], run["days"]) == ("generating", {"pending": 4})
    worker.do_all("RUN")
    warm, *checkpoints = get("/backfills/RUN/checkpoints")
    assert (warm["date"], warm["parent"], checkpoints[0]["parent"]) == (str(day(1)), None, warm["id"])
    days = get("/backfills/RUN/days")
    expected = [warm["id"], warm["id"], checkpoints[0]["id"], checkpoints[1]["id"]]
    assert [found["policy"] for found in days] == expected
    [shown] = get("/backfills/RUN/days?role=warm_start")
    assert (shown["policy"], shown["state"], shown["headlines"]) == ("base", "published", 4)
    run = get("/backfills/RUN")
    assert (run["state"], run["warm_start"], run["progress"]["fraction"]) == ("completed", "published", 1.0)
    assert [task.policy_lag for task in worker.tasks if isinstance(task, TrainTask)] == [0, 0, 1, 1, 1]


def test_warm_start_trains_on_valid_lines_of_the_ladder(sessions: Sessions, worker: FakeWorker, start: Start) -> None:
    make_corpus(sessions, dates=4)
    start(first=day(2), last=day(2), warm_start=100, warm_start_epochs=3, learning_rate=1e-4, objective="kto")
    worker.do_all("RUN")
    generate, evaluate, train = worker.tasks[:1] + [t for t in worker.tasks if t.date == day(1)][-2:]
    assert isinstance(generate, GenerateTask)
    assert isinstance(evaluate, EvaluateTask)
    assert isinstance(train, TrainTask)
    assert (generate.date, generate.config.free_rollouts) == (day(1), 0)
    assert [group.date for group in evaluate.groups] == [day(0)] * 3 + [day(1)] * 3
    assert {tuple(group.outcomes or ()) for group in evaluate.groups[:3]} == {
        tuple(f"headline {place} of {day(1)}" for place in range(3))
    }
    assert (train.objective, train.lines, train.epochs, train.learning_rate) == ("sft", "valid", 3, 1e-4)
    [chain] = [task for task in worker.tasks if isinstance(task, TrainTask) and task.date == day(2)]
    assert (chain.objective, chain.lines, chain.epochs) == ("kto", "best", 1)


def test_a_warm_start_imitates_no_line_that_restates_its_headline(
    sessions: Sessions, worker: FakeWorker, start: Start
) -> None:
    make_corpus(sessions, dates=4)
    start(first=day(2), last=day(2), warm_start=3)
    worker.do_all("RUN", limit=1)
    task = worker.take(worker.queued("RUN")[0])
    assert isinstance(task, EvaluateTask)
    sound, *_, restated = evaluated(task, verdict="strict", valid=True, validity=1.0).evaluations
    records = [sound, restated.model_copy(update={"signs": ["restated"]})]
    whole = evaluated(task, valid=False)
    kept = {record.rollout_id: record for record in records}
    result = whole.model_copy(update={"evaluations": [kept.get(e.rollout_id, e) for e in whole.evaluations]})
    assert worker.post(task, result).status_code == 200
    train = worker.take(worker.queued("RUN")[0])
    assert isinstance(train, TrainTask)
    assert [r.rollout_id for group in train.groups for r in group.rollouts if r.valid] == [sound.rollout_id]


def test_warm_start_has_not_learned_from_its_outcomes(
    sessions: Sessions, worker: FakeWorker, start: Start, sql: Sql, get: Get
) -> None:
    make_corpus(sessions, dates=4)
    start(first=day(2), last=day(2), warm_start=100)
    worker.do_all("RUN")
    warm, _ = get("/backfills/RUN/checkpoints")
    assert warm["trained_until"] == f"{day(1)}T09:02:00Z"
    [found] = get("/backfills/RUN/days")
    assert (found["headlines"], found["left_out"]) == (3, {})


def test_warm_start_is_scored_on_the_panel_and_never_trained_on_it(
    sessions: Sessions, worker: FakeWorker, start: Start, get: Get
) -> None:
    panel = make_panel(sessions, make_corpus(sessions, dates=5), [day(0)])
    start(first=day(2), last=day(3), warm_start=100, panel="held-out", panel_every=5)
    worker.do_all("RUN")
    checkpoints = [found["id"] for found in get("/backfills/RUN/checkpoints")]
    assert [(found["date"], found["policy"]) for found in get("/backfills/RUN/days?role=panel")] == [
        (str(day(0)), "base"),
        (str(day(1)), checkpoints[0]),
        (str(day(3)), checkpoints[2]),
    ]
    [warm] = get("/backfills/RUN/days?role=warm_start")
    assert warm["headlines"] == 5
    assert not {r["headline_id"] for r in get("/backfills/RUN/rollouts?role=warm_start")} & set(panel)
    assert get("/backfills/RUN")["state"] == "completed"


def test_warm_start_is_trained_in_a_run_without_training(
    sessions: Sessions, worker: FakeWorker, start: Start, get: Get
) -> None:
    make_corpus(sessions, dates=4)
    start(first=day(1), last=day(2), warm_start=3, train=False)
    worker.do_all("RUN")
    [warm] = get("/backfills/RUN/checkpoints")
    assert [(found["policy"], found["state"]) for found in get("/backfills/RUN/days")] == [(warm["id"], "scored")] * 2


def test_warm_start_short_of_headlines_warns_and_without_any_is_refused(client: TestClient, sessions: Sessions) -> None:
    make_corpus(sessions, dates=3)
    body = {"name": "RUN", "corpus": "sample", "from": str(day(1)), "to": str(day(1)), "config": {"warm_start": 50}}
    plan = client.post("/v1/backfills?dry_run=true", json=body).json()
    assert plan["warnings"] == ["warm_start is 50, but earlier days have 3 headlines"]
    assert (plan["warm_start"], plan["steps"]) == (3, {"generate": 2, "evaluate": 2, "train": 2})
    answer = client.post("/v1/backfills", json=body | {"from": None})
    assert answer.status_code == 422
    assert "config.warm_start: the corpus has no usable headline of a day before" in answer.json()["detail"]
