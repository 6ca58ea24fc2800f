"""The coordinator's settings: environment variables MORROW_*."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from shared.settings import StoreSettings


class CoordinatorSettings(StoreSettings):
    """What the coordinator process is told."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8700, ge=0, le=65535, description="Port to listen on.")
    database_url: str = Field(
        "postgresql://127.0.0.1:5432/morrow", repr=False, description="URL of the Postgres database."
    )
    broker_url: str = Field("redis://127.0.0.1:6379/0", repr=False, description="Redis URL of the Celery broker.")
    migrate_on_start: bool = Field(True, description="Whether to bring the database's schema up to date first.")
    pool_size: int = Field(20, ge=1, le=200, description="Database connections kept open.")
    lease_seconds: float = Field(30.0, gt=0, le=3600, description="How long a claim or a renewal lasts.")
    publish_every: float = Field(0.5, gt=0, le=60, description="Seconds between looks into the outbox.")
    sweep_every: float = Field(2.0, gt=0, le=600, description="Seconds between looks for what fell by the wayside.")
    resend_after: float = Field(
        20.0, gt=0, le=3600, description="Seconds a due step may wait at an empty queue before its message is resent."
    )
    mature_every: float = Field(
        30.0, gt=0, le=3600, description="Seconds between looks for outcomes that waiting runs may be settled with."
    )
    event_days: int = Field(
        90, ge=0, le=36_500, description="Days for which events of an ended run are kept; 0 keeps them for ever."
    )
    backoff_base: float = Field(1.0, ge=0, le=600, description="Seconds before a step's second attempt; doubles.")
    backoff_cap: float = Field(60.0, ge=0, le=3600, description="Longest wait between two attempts.")
    engine_stale_after: float = Field(
        30.0,
        gt=0,
        le=3600,
        description="Seconds without a report after which an engine is neither asked nor waited for.",
    )
    engine_forget_after: float = Field(
        3600.0, gt=0, le=30 * 86_400, description="Seconds without a report after which an engine is forgotten."
    )
    forecast_timeout: float = Field(120.0, gt=0, le=600, description="Seconds that a forecast on demand may take.")
    forecast_patience: float = Field(
        10.0, ge=0, le=600, description="Seconds that a forecast looks for an engine which can give it."
    )
    forecast_most: int = Field(
        64, ge=1, le=4096, description="Forecasts on demand under way at once; more are refused."
    )
    auth: Literal["auto", "required"] = Field(
        "auto",
        description="Who is served while there is no token: peers on loopback with `auto`, nobody with `required`.",
    )
    local_token: SecretStr = Field(
        SecretStr(""), description="A token that is good from loopback alone; the local stack makes one for its parts."
    )
    metrics_open: bool = Field(False, description="Whether /metrics is served without a token.")
    max_body_mib: int = Field(64, ge=1, le=4096, description="MiB that an import or a result may have; others have 1.")
    rate_per_second: float = Field(
        100.0, ge=0, le=100_000, description="Requests a second of one token that is no worker's; 0 is no limit."
    )
    rate_burst: int = Field(400, ge=1, le=1_000_000, description="Requests of one token at once, beyond that rate.")
