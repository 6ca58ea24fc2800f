"""An evaluate step: scored, stopped between groups, posted by its Celery task."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path

import pytest

from services.evaluator.dependencies import Dependencies
from services.evaluator.embeddings.model import MiniLm
from services.evaluator.main import main, warm
from services.evaluator.service import evaluate
from shared.errors import StoppedError, UnavailableError
from shared.run_config import RunConfig
from shared.wire import (
    ClaimAnswer,
    CompleteAnswer,
    CompleteRequest,
    EvaluateResult,
    EvaluateTask,
    FailRequest,
    RenewAnswer,
)
from shared.worker.celery import make_celery
from shared.worker.run import handler_of, register
from shared.worker.steps import Lease
from tests.unit.evaluator.group_texts import DAY, OWN, WordEmbedder, closes, group

CONFIG = RunConfig.model_validate({})
DEPENDENCIES = Dependencies(WordEmbedder())


def evaluate_task(groups: int = 1) -> EvaluateTask:
    return EvaluateTask(
        step_id=7,
        fence=1,
        run="RUN",
        date=DAY,
        config=CONFIG,
        outcome_date=DAY + dt.timedelta(days=1),
        outcomes=["Rivals see profit"],
        groups=[group(OWN, "rivals see profit", "")] * groups,
        bonus=CONFIG.bonus,
    )


class FakeCoordinator:
    """Grants one task and keeps what it is told."""

    def __init__(self, task: EvaluateTask) -> None:
        self.task = task
        self.completed: list[CompleteRequest] = []
        self.failed: list[FailRequest] = []

    def claim(self, step_id: int) -> ClaimAnswer:
        return ClaimAnswer(status="granted", lease_seconds=60, task=self.task)

    def renew(self, step_id: int, fence: int) -> RenewAnswer:
        return RenewAnswer(go_on=True)

    def complete(self, step_id: int, request: CompleteRequest) -> CompleteAnswer:
        self.completed.append(request)
        return CompleteAnswer(status="accepted")

    def fail(self, step_id: int, request: FailRequest) -> None:
        self.failed.append(request)


def test_every_rollout_of_every_group_gets_one_record() -> None:
    result = evaluate(evaluate_task(groups=3), Lease(7, 1), DEPENDENCIES)
    assert [record.rollout_id for record in result.evaluations] == [0, 1, 2] * 3
    assert (result.ranker, result.leak_list) == ("semantic", "morrow-1")
    assert result.seconds >= 0


def test_the_bonus_is_the_days_and_not_the_configurations() -> None:
    task = evaluate_task().model_copy(update={"bonus": 0.025})
    record = evaluate(task, Lease(7, 1), DEPENDENCIES).evaluations[0]
    assert record.reward == record.composite + 0.025


def test_claims_are_settled_from_the_tasks_day_whatever_the_ranker() -> None:
    config = RunConfig.model_validate({"horizon": "1w", "prices": "made-up"})
    task = evaluate_task().model_copy(update={"config": config, "prices": [closes("KHC", *[100.0] * 7, 96.0)]})
    result = evaluate(task, Lease(7, 1), DEPENDENCIES)
    settled = result.evaluations[0].settlement
    assert settled is not None
    assert (settled.start_date, settled.brier) == (DAY, 0.16)
    assert result.figures == {"settled": 1, "unsettled": 2}


def test_a_panels_group_is_settled_from_its_own_day_or_not_at_all() -> None:
    config = RunConfig.model_validate({"horizon": "1w", "prices": "made-up"})
    task = evaluate_task().model_copy(update={"config": config, "prices": [closes("KHC", *[100.0] * 8, 96.0)]})
    elsewhere = task.groups[0].model_copy(update={"outcomes": ["Weather"]})
    dated = elsewhere.model_copy(update={"date": DAY + dt.timedelta(days=1)})
    records = evaluate(task.model_copy(update={"groups": [elsewhere, dated]}), Lease(7, 1), DEPENDENCIES).evaluations
    assert records[0].settlement is None
    assert records[3].settlement is not None
    assert records[3].settlement.start_date == DAY + dt.timedelta(days=1)


def test_a_series_that_has_not_come_to_its_day_makes_the_step_wait() -> None:
    config = RunConfig.model_validate({"horizon": "1w", "prices": "made-up"})
    task = evaluate_task().model_copy(update={"config": config, "prices": [closes("KHC", 100.0)]})
    with pytest.raises(UnavailableError, match="price set made-up"):
        evaluate(task, Lease(7, 1), DEPENDENCIES)


def test_a_revoked_lease_stops_the_work_before_the_next_group() -> None:
    embedder, lease = WordEmbedder(), Lease(7, 1)
    lease.revoke("cancelled")
    with pytest.raises(StoppedError, match="cancelled"):
        evaluate(evaluate_task(), lease, Dependencies(embedder))
    assert embedder.texts == []


def test_the_task_posts_what_was_scored_under_its_fence(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    coordinator = FakeCoordinator(evaluate_task())
    handler = handler_of("evaluate", EvaluateTask, lambda task, lease: evaluate(task, lease, DEPENDENCIES))
    task = register(make_celery("memory://"), "evaluate", coordinator, handler)
    assert task(7) == "accepted"
    result = coordinator.completed[0].result
    assert isinstance(result, EvaluateResult)
    assert len(result.evaluations) == 3
    assert coordinator.completed[0].fence == 1
    assert "scored 3 rollouts of 1 groups" in coordinator.completed[0].log


def test_an_unknown_process_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["trainer"])
    assert "invalid choice: 'trainer'" in capsys.readouterr().err


def test_a_model_that_cannot_be_loaded_ahead_is_reported_and_left_to_the_first_step(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    warm(MiniLm(str(tmp_path)))
    assert "cannot be loaded as a sentence model" in caplog.text
