"""The dependencies of a process that scores."""

from __future__ import annotations

from dataclasses import dataclass

from services.evaluator.embeddings.model import Embedder
from services.evaluator.judge_client import JudgeEngine


@dataclass(frozen=True)
class Dependencies:
    """Built once per process, in the composition root. `engine` serves the judge's model, None without one."""

    embedder: Embedder
    engine: JudgeEngine | None = None
