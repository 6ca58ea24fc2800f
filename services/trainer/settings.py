"""Settings of the trainer, from MORROW_* environment variables."""

from __future__ import annotations

import os
from typing import Literal

from pydantic import Field

from shared.settings import COMPUTE_LOCK, ModelSettings

LayoutName = Literal["packed", "plain"]


class TrainerSettings(ModelSettings):
    """Settings of the trainer's worker."""

    trainer_device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Device of updates; `auto` takes the first GPU if there is one."
    )
    trainer_threads: int = Field(
        0, ge=0, le=1024, description="Processor threads of an update; 0 takes every core that the worker may run on."
    )
    trainer_idle_seconds: float = Field(
        300.0,
        ge=0,
        description="Seconds that the process of updates is kept, with its imports and the base model, while no step "
        "comes; 0 starts one for each update.",
    )
    trainer_layout: LayoutName = Field(
        "packed",
        description="`packed` computes the prompt of a group once; `plain` once per answer, for models whose attention "
        "takes no mask of its own.",
    )
    trainer_pack_tokens: int = Field(
        512,
        ge=1,
        description="Tokens, prompts and answers, that groups computed together may hold; a larger group goes alone. "
        "Attention costs the square: raise it only where small groups leave the device idle.",
    )

    compute_lock: str = Field("", description=COMPUTE_LOCK)

    @property
    def threads(self) -> int:
        """The number of threads of an update."""
        return self.trainer_threads or len(os.sched_getaffinity(0))
