"""Checkpoints and aliases as the API returns them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from shared.wire import Message


class CheckpointView(Message):
    """A published checkpoint. `trained_until`: newest publication time that its lineage has learned from."""

    id: str
    run: str
    date: dt.date
    parent: str | None
    fence: int
    uri: str
    sha256: str
    adapter: str
    base_model: str
    files: dict[str, str]
    trained_until: dt.datetime | None
    stats: dict[str, Any]
    created_at: dt.datetime


class AliasView(Message):
    """A movable name of a checkpoint. `scope` is a run's name, or empty for `served` and `previous`."""

    scope: str
    name: str
    checkpoint: str
    updated_at: dt.datetime
