"""Settings of the inference worker and of the syncer, from MORROW_* environment variables."""

from __future__ import annotations

from pydantic import Field

from shared.settings import ModelSettings


class InferenceSettings(ModelSettings):
    """What the worker and the syncer have: where the engine is and how long they wait for it."""

    engine_url: str = Field("http://127.0.0.1:8701", description="Base URL of the OpenAI-compatible engine.")
    engine_timeout: float = Field(600.0, gt=0, description="Seconds one call to the engine may take.")
    engine_concurrency: int = Field(
        32, ge=1, le=4096, description="Calls that one generate step keeps in flight, for the engine to batch."
    )
    policy_patience: float = Field(
        120.0, ge=0, description="Seconds a generate step waits for the engine to list its policy."
    )
    sync_period: float = Field(1.0, gt=0, description="Seconds between two looks at what the engine should hold.")
    sync_grace: float = Field(30.0, ge=0, description="Seconds a checkpoint stays loaded after it was last wanted.")
    sync_retry: float = Field(
        10.0, ge=0, description="Seconds before a checkpoint that could not be loaded is tried again."
    )
    sync_report: float = Field(10.0, gt=0, description="Most seconds between two reports to the coordinator.")
