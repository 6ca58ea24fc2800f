"""The messages between services. Every payload that crosses HTTP is one of these; nothing else is shared."""

from __future__ import annotations

from shared.wire.base import BASE_POLICY, NAME_PATTERN, Arm, Message, Rung, StepKind, Verdict
from shared.wire.evaluate import (
    EvaluateResult,
    EvaluateTask,
    EvaluationRecord,
    GroupToScore,
    PriceSeries,
    RolloutToScore,
    Settlement,
    Sign,
)
from shared.wire.forecast import ForecastLine, ForecastLines, ForecastTask
from shared.wire.generate import GenerateResult, GenerateTask, GroupRecord, HeadlineItem, RolloutRecord, StepHead
from shared.wire.policy import CheckpointRecord, CheckpointRef, EngineReport, PolicyRef, WantedCheckpoints
from shared.wire.steps import (
    ClaimAnswer,
    ClaimRequest,
    CompleteAnswer,
    CompleteRequest,
    FailRequest,
    RenewAnswer,
    RenewRequest,
    Result,
    Task,
)
from shared.wire.train import TrainGroup, TrainResult, TrainRollout, TrainStats, TrainTask

__all__ = [
    "BASE_POLICY",
    "NAME_PATTERN",
    "Arm",
    "CheckpointRecord",
    "CheckpointRef",
    "ClaimAnswer",
    "ClaimRequest",
    "CompleteAnswer",
    "CompleteRequest",
    "EngineReport",
    "EvaluateResult",
    "EvaluateTask",
    "EvaluationRecord",
    "FailRequest",
    "ForecastLine",
    "ForecastLines",
    "ForecastTask",
    "GenerateResult",
    "GenerateTask",
    "GroupRecord",
    "GroupToScore",
    "HeadlineItem",
    "Message",
    "PolicyRef",
    "PriceSeries",
    "RenewAnswer",
    "RenewRequest",
    "Result",
    "RolloutRecord",
    "RolloutToScore",
    "Rung",
    "Settlement",
    "Sign",
    "StepHead",
    "StepKind",
    "Task",
    "TrainGroup",
    "TrainResult",
    "TrainRollout",
    "TrainStats",
    "TrainTask",
    "Verdict",
    "WantedCheckpoints",
]
