"""The step protocol: claim, renew, complete, fail."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shared.wire.base import Message
from shared.wire.evaluate import EvaluateResult, EvaluateTask
from shared.wire.generate import GenerateResult, GenerateTask
from shared.wire.train import TrainResult, TrainTask

Task = Annotated[GenerateTask | EvaluateTask | TrainTask, Field(discriminator="kind")]

Result = Annotated[GenerateResult | EvaluateResult | TrainResult, Field(discriminator="kind")]


class ClaimRequest(Message):
    """A worker asks for a step. `worker` names it for events and logs."""

    worker: str = Field(max_length=200)


class ClaimAnswer(Message):
    """`granted` carries the task and its lease; any other status means: drop the message, `reason` says why."""

    status: Literal["granted", "done", "leased", "not_due", "cancelled", "failed", "paused"]
    reason: str = ""
    lease_seconds: float = 0
    task: Task | None = None


class RenewRequest(Message):
    """Extends the lease of a step."""

    fence: int


class RenewAnswer(Message):
    """`go_on` false means: stop, the result would be discarded."""

    go_on: bool
    reason: str = ""


class CompleteRequest(Message):
    """A result with the fence it was made under and the attempt's log (plain text, newest 64 KiB)."""

    fence: int
    result: Result
    log: str = Field("", max_length=65_536)


class CompleteAnswer(Message):
    """`already` means that the same fence's result was stored before: nothing changed."""

    status: Literal["accepted", "already", "cancelled"]


class FailRequest(Message):
    """An attempt failed. `retryable` false fails the step at once."""

    fence: int
    error: str = Field(max_length=8_192)
    retryable: bool = True
    log: str = Field("", max_length=65_536)
