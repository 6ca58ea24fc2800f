"""The kinds of steps: claims and results are dispatched by this table."""

from __future__ import annotations

from typing import Any

from services.coordinator.steps.kinds import evaluate, generate, train
from services.coordinator.steps.kinds.base import Kind
from shared.wire import StepKind

KINDS: dict[StepKind, Kind[Any]] = {"generate": generate, "evaluate": evaluate, "train": train}
"""Any, since each kind takes its own result: a result reaches its kind only after `result.kind` was compared."""
