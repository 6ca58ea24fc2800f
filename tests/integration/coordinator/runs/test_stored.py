"""The fields of a result are stored as sent, and shown."""

from __future__ import annotations

from services.coordinator.database import Sessions
from shared.wire import EvaluateTask, GenerateTask, TrainTask
from tests.factories import day, evaluated, generated, make_corpus, trained
from tests.fakes import FakeWorker
from tests.integration.coordinator.conftest import Get, Sql, Start


def test_every_field_of_a_result_is_stored_and_shown(
    sessions: Sessions, worker: FakeWorker, start: Start, get: Get, sql: Sql
) -> None:
    make_corpus(sessions, dates=2, per_day=1)
    start(last=day(0), objective="sft")
    generate = worker.take(worker.queued("RUN")[0])
    assert isinstance(generate, GenerateTask)
    worker.post(generate, generated(generate, sampled_tokens=41))
    assert {found["sampled_tokens"] for found in get("/backfills/RUN/rollouts")} == {41}

    evaluate = worker.take(worker.queued("RUN")[0])
    assert isinstance(evaluate, EvaluateTask)
    scored = evaluated(evaluate, form_score=0.875, signs=["restated"], valid=True, normalized_score=0.75)
    worker.post(evaluate, scored.model_copy(update={"figures": {"comparisons": 12.0}}))
    [one, other] = get("/backfills/RUN/evaluations")
    assert (one["form_score"], one["signs"], other["settlement"]) == (0.875, ["restated"], None)
    assert sql("select count(*) from evaluations where settlement is null") == [(2,)]
    [step] = get("/backfills/RUN/steps?kind=evaluate")
    assert (step["role"], step["figures"]["figures"]) == ("chain", {"comparisons": 12.0})

    train = worker.take(worker.queued("RUN")[0])
    assert isinstance(train, TrainTask)
    assert [(r.valid, r.normalized_score) for r in train.groups[0].rollouts] == [(True, 0.75)] * 2
    done = trained(worker.store, train)
    stats = done.stats.model_copy(update={"objective": "sft", "clip_share": None, "entropy": None})
    assert worker.post(train, done.model_copy(update={"stats": stats})).status_code == 200
    [checkpoint] = get("/backfills/RUN/checkpoints")
    assert (checkpoint["stats"]["objective"], checkpoint["stats"]["clip_share"]) == ("sft", None)
