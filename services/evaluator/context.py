"""What rankers and readers may need of a task, in one object."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from services.evaluator.embeddings.model import Embedder
from services.evaluator.judge_client import JudgeEngine
from shared.run_config import RunConfig
from shared.wire import PriceSeries


@dataclass(frozen=True)
class Tools:
    """What a process has: made once, in the composition root. `engine` is what a judge asks, None without one."""

    embedder: Embedder
    engine: JudgeEngine | None = None


@dataclass(frozen=True)
class Job:
    """What a task brings: its configuration (the seed among it), outcomes, bonus, closes and day.

    `date` is the day that its forecasts were made, None where nothing is to be settled. `between` is called between
    pieces of work and may raise to stop. `peers` are headlines of that day.
    """

    config: RunConfig
    outcomes: Sequence[str]
    bonus: float
    prices: Sequence[PriceSeries] = ()
    date: dt.date | None = None
    between: Callable[[], None] = field(default=lambda: None)
    peers: Sequence[str] = ()


@dataclass(frozen=True)
class Context:
    """What a ranker is made of: the process's tools and the task's job."""

    tools: Tools
    job: Job
