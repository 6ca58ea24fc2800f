"""Settings that more than one service reads. Every setting is an environment variable with the prefix MORROW_."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def morrow_home() -> Path:
    """Data folder of the local stack: MORROW_HOME, or .morrow in the working directory."""
    return Path(os.environ.get("MORROW_HOME", ".morrow")).absolute()


COMPUTE_LOCK = (
    "Path of the lock files with which engine and trainer of one machine take turns at its processors, the same for "
    "both; no turns when empty. The local stack sets it."
)


class ServiceSettings(BaseSettings):
    """Settings of every service process."""

    model_config = SettingsConfigDict(env_prefix="MORROW_", extra="ignore", frozen=True, hide_input_in_errors=True)

    log_level: str = Field("INFO", description="Minimum level of log lines: DEBUG, INFO, WARNING or ERROR.")


class WorkerSettings(ServiceSettings):
    """Settings of every Celery worker."""

    coordinator_url: str = Field(
        "http://127.0.0.1:8700",
        description="Base URL of the coordinator; several, separated by commas, are tried in turn.",
    )
    token: SecretStr = Field(SecretStr(""), description="Token of scope `worker` for the coordinator; none when empty.")
    broker_url: str = Field("redis://127.0.0.1:6379/0", repr=False, description="Redis URL of the Celery broker.")
    request_timeout: float = Field(60.0, gt=0, description="Seconds a call to the coordinator may take.")
    metrics_host: str = Field("127.0.0.1", description="Address of a worker's /metrics.")
    metrics_port: int = Field(
        0, ge=0, le=65_535, description="Port of a worker's /metrics; 0 disables it. One per process."
    )


class StoreSettings(ServiceSettings):
    """Location of the checkpoint store. S3 credentials come from the usual AWS_* variables."""

    store: str = Field(
        ".morrow/checkpoints",
        min_length=1,
        description="The checkpoint store: a folder, or a URL of fsspec (`file:///folder`, `s3://bucket/prefix`).",
    )
    store_cache: str = Field(
        "",
        description="Folder for this machine's copies of a remote store's checkpoints; below the user's cache folder "
        "when empty.",
    )
    store_options: dict[str, Any] = Field(
        {},
        repr=False,
        description='Options of the store\'s filesystem as JSON, such as `{"endpoint_url": "https://s3.example"}`.',
    )


class ModelSettings(WorkerSettings, StoreSettings):
    """Settings of a worker that handles the model's tokens or weights."""

    base_model: str = Field(
        "HuggingFaceTB/SmolLM2-135M-Instruct", description="Name of the base model, as runs name it."
    )
    base_model_path: str = Field(
        "", description="Folder or hub id the base model is loaded from; the name itself when empty."
    )

    @property
    def base_model_source(self) -> str:
        """The argument of `from_pretrained`."""
        return self.base_model_path or self.base_model
