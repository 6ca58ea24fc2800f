"""Settings of the CPU engine, from MORROW_* environment variables."""

from __future__ import annotations

import os

from pydantic import Field

from shared.settings import COMPUTE_LOCK, ServiceSettings


class EngineSettings(ServiceSettings):
    """Address, base model and limits of the CPU engine."""

    engine_host: str = Field("127.0.0.1", description="Address to listen on; adapters are administered there too.")
    engine_port: int = Field(8701, ge=0, le=65535, description="Port to listen on.")
    base_model: str = Field("HuggingFaceTB/SmolLM2-135M-Instruct", description="Name of the base model.")
    base_model_path: str = Field(
        "", description="Folder or hub id the base model is loaded from; the name itself when empty."
    )
    engine_threads: int = Field(
        default_factory=lambda: len(os.sched_getaffinity(0)), ge=1, description="Threads of a matrix product."
    )
    engine_max_batch: int = Field(
        128, ge=1, le=1024, description="Answers that are decoded together; 128 use the processor better than 64."
    )
    engine_max_waiting: int = Field(4096, ge=1, description="Answers that may wait; beyond it requests get 503.")
    engine_prompt_tokens: int = Field(
        8192, ge=0, description="Prompt tokens whose keys and values are kept for reuse (46 KiB each for SmolLM2)."
    )
    compute_lock: str = Field("", description=COMPUTE_LOCK)
    engine_gather_ms: float = Field(
        5.0, ge=0, le=1000, description="Milliseconds an idle engine waits for further requests to batch."
    )

    @property
    def base_model_source(self) -> str:
        """What `from_pretrained` is given."""
        return self.base_model_path or self.base_model
