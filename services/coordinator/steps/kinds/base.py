"""The protocol of a kind of step, and the context of its functions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar

from sqlalchemy.orm import Session

from services.coordinator.checkpoints.queries import reference
from services.coordinator.database import storable
from services.coordinator.models import Checkpoint, Day, Json, Run, Step
from services.coordinator.runs.days import checkpoint_of, previous_day
from services.coordinator.scheduling.rules.roles import config_of
from shared.run_config import RunConfig
from shared.wire import PolicyRef, StepHead, Task

_Result_contra = TypeVar("_Result_contra", contravariant=True)


@dataclass(frozen=True)
class StepContext:
    """A locked step with its day and run, in the caller's transaction."""

    session: Session
    run: Run
    day: Day
    step: Step

    @cached_property
    def config(self) -> RunConfig:
        """The run's configuration as the day's role changes it."""
        return config_of(self.day.role, self.run.config)

    @cached_property
    def head(self) -> StepHead:
        """The fields that tasks of every kind carry."""
        return StepHead(
            step_id=self.step.id,
            fence=self.step.attempt,
            run=self.run.name,
            date=self.day.date,
            config=self.config,
        )

    @cached_property
    def policy(self) -> PolicyRef:
        """The policy that the day's forecasts are sampled from."""
        checkpoint = reference(checkpoint_of(self.session, self.day.policy_day_id))
        return PolicyRef(name=checkpoint.id, checkpoint=checkpoint) if checkpoint else PolicyRef()

    @cached_property
    def parent(self) -> Checkpoint | None:
        """The checkpoint that the day's update starts from: that of the chain day before it, or of the warm start."""
        previous = previous_day(self.session, self.day)
        return checkpoint_of(self.session, previous.id if previous else None)

    @cached_property
    def bonus(self) -> float:
        """The bonus for form that the day has decided; the run's first one if its schedule decided none."""
        return self.config.bonus if self.day.bonus is None else self.day.bonus

    def record(self, seconds: float, figures: Json) -> None:
        """Write down the duration of the attempt and the figures that its result reports of itself."""
        self.step.seconds, self.step.figures = seconds, storable(figures)


class Kind(Protocol[_Result_contra]):
    """A kind of step: a module with these three functions, entered in the registry."""

    def build_task(self, context: StepContext) -> Task:
        """The payload of a claimed step under its present fence."""

    def check_result(self, context: StepContext, result: _Result_contra) -> None:
        """Compare a result with the task it answers. Raises InvalidInputError that names the field at fault."""

    def store_result(self, context: StepContext, result: _Result_contra) -> None:
        """Write the rows of a checked result."""


def head_fields(head: StepHead) -> Json:
    """The head's fields as keyword arguments of a task; pydantic's dump would turn the configuration into a dict."""
    return {name: getattr(head, name) for name in StepHead.model_fields}
