"""How much the engine does at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """How much the engine does at once: rows decoded, rows waiting, prompt tokens kept, seconds waited for company."""

    batch: int = 128
    waiting: int = 4096
    prompt_tokens: int = 8192
    gather_seconds: float = 0.005
