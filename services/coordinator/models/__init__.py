"""The tables of the coordinator's database; no other service reads them."""

from __future__ import annotations

from services.coordinator.models.base import NAMING, Base, Json, StepCounts
from services.coordinator.models.checkpoints import Alias, Checkpoint, Engine, Swap
from services.coordinator.models.corpora import Corpus, Headline
from services.coordinator.models.journal import Event, IdempotencyKey
from services.coordinator.models.panels import Panel
from services.coordinator.models.prices import Close, Instrument, PriceSet
from services.coordinator.models.rollouts import Evaluation, Group, Rollout
from services.coordinator.models.runs import Day, Run
from services.coordinator.models.steps import Attempt, Outbox, Step
from services.coordinator.models.tokens import ApiToken

__all__ = [
    "NAMING",
    "Alias",
    "ApiToken",
    "Attempt",
    "Base",
    "Checkpoint",
    "Close",
    "Corpus",
    "Day",
    "Engine",
    "Evaluation",
    "Event",
    "Group",
    "Headline",
    "IdempotencyKey",
    "Instrument",
    "Json",
    "Outbox",
    "Panel",
    "PriceSet",
    "Rollout",
    "Run",
    "Step",
    "StepCounts",
    "Swap",
]
