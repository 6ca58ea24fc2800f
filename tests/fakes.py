"""Fakes that stand in for the processes around a service."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import select

from services.coordinator.database import Sessions
from services.coordinator.models import Day, Run, Step
from shared.checkpoints import CheckpointStore
from shared.wire import (
    ClaimAnswer,
    EvaluateTask,
    GenerateTask,
    Result,
    Task,
    TrainTask,
)
from tests import factories


class Api(Protocol):
    """The coordinator's API: a TestClient, or an httpx.Client where threads use it at once."""

    def post(self, url: str, *, json: Any = None) -> Any: ...


@dataclass
class FakeWorker:
    """Does every kind of step at once, with small made-up results, over the coordinator's API."""

    client: Api
    sessions: Sessions
    store: CheckpointStore
    name: str = "fake"
    tasks: list[Task] = field(default_factory=list)

    def queued(self, run: str) -> list[int]:
        """Ids of the run's queued steps, in order."""
        query = select(Step.id).join(Day, Day.id == Step.day_id).join(Run, Run.id == Day.run_id)
        with self.sessions.begin() as session:
            return list(session.scalars(query.where(Run.name == run, Step.state == "queued").order_by(Step.id)))

    def claim(self, step_id: int) -> ClaimAnswer:
        """Ask for a step."""
        answer = self.client.post(f"/v1/steps/{step_id}/claim", json={"worker": self.name})
        assert answer.status_code == 200, answer.text
        return ClaimAnswer.model_validate(answer.json())

    def take(self, step_id: int) -> Task:
        """Claim a step that is expected to be granted."""
        answer = self.claim(step_id)
        assert answer.task is not None, answer
        self.tasks.append(answer.task)
        return answer.task

    def result(self, task: Task) -> Result:
        """A made-up result that answers a task."""
        match task:
            case GenerateTask():
                return factories.generated(task)
            case EvaluateTask():
                return factories.evaluated(task)
            case TrainTask():
                return factories.trained(self.store, task)

    def post(self, task: Task, result: Result | None = None, **overrides: Any) -> Any:
        """Post a task's result and return the HTTP answer."""
        result = result or self.result(task)
        body = {"fence": task.fence, "result": result.model_dump(mode="json"), "log": f"did {task.kind}"}
        return self.client.post(f"/v1/steps/{task.step_id}/complete", json=body | overrides)

    def fail(self, task: Task, error: str = "it broke", *, retryable: bool = True) -> Any:
        """Report that a task failed and return the HTTP answer."""
        body = {"fence": task.fence, "error": error, "retryable": retryable, "log": "trying"}
        return self.client.post(f"/v1/steps/{task.step_id}/fail", json=body)

    def do(self, step_id: int) -> Task:
        """Claim a step, make up its result and post it."""
        task = self.take(step_id)
        answer = self.post(task)
        assert answer.status_code == 200, answer.text
        return task

    def do_all(self, run: str, limit: int = 1000) -> int:
        """Do steps of a run until none is queued, or `limit` are done; answers how many."""
        done = 0
        while done < limit and (queued := self.queued(run)):
            for step_id in queued[: limit - done]:
                self.do(step_id)
                done += 1
        return done
