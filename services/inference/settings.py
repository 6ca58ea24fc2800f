"""Settings of the inference worker and of the syncer, from MORROW_* environment variables."""

from __future__ import annotations

from pydantic import Field

from shared.settings import ModelSettings


class InferenceSettings(ModelSettings):
    """Settings of the worker and the syncer: the engine's address, and timeouts."""

    engine_url: str = Field("http://127.0.0.1:8701", description="Base URL of the OpenAI-compatible engine.")
    engine_timeout: float = Field(600.0, gt=0, description="Seconds one call to the engine may take.")
    engine_concurrency: int = Field(
        256, ge=1, le=4096, description="Engine calls that a worker keeps in flight, for the engine to batch."
    )
    engine_rows: int = Field(
        64,
        ge=1,
        le=65_536,
        description="Answers that the engine decodes together, if it does not say (vLLM behind a gateway): a worker "
        "takes up another step while fewer are in flight.",
    )
    policy_patience: float = Field(
        120.0, ge=0, description="Seconds a generate step waits for the engine to list its policy."
    )
    engine_public_url: str = Field(
        "",
        description="Address of the engine for other services, and its identity; engine_url when empty.",
    )
    syncer_host: str = Field("127.0.0.1", description="Address on which the syncer listens.")
    syncer_port: int = Field(8702, ge=0, le=65_535, description="Port on which the syncer listens; 0 is any free one.")
    syncer_public_url: str = Field(
        "", description="Address of the syncer for other services; its host and port when empty."
    )
    served_weights: bool = Field(
        False,
        description="Whether the engine's own weights are replaced by a served full checkpoint's. Such an engine is "
        "for forecasts only: no worker and no judge may use it.",
    )
    forecast_patience: float = Field(
        10.0, ge=0, description="Seconds a forecast waits for its policy while the engine loads it."
    )
    sync_period: float = Field(
        0.5,
        gt=0,
        le=60,
        description="Seconds between two reconciliations; a change of the desired checkpoints takes effect at once.",
    )
    sync_grace: float = Field(30.0, ge=0, description="Seconds a checkpoint stays loaded after it was last desired.")
    sync_retry: float = Field(10.0, ge=0, description="Seconds until a failed load is retried.")
    sync_timeout: float = Field(120.0, gt=0, description="Timeout in seconds of a load, a swap or a probe.")
    sync_report: float = Field(10.0, gt=0, description="Maximum seconds between two reports to the coordinator.")
