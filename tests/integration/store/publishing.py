"""Checkpoints of a few bytes."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

from shared.checkpoints import CheckpointStore
from shared.wire import CheckpointRecord

DAY = dt.date(2025, 8, 18)
WEIGHTS = "adapter_model.safetensors"


def safetensors(values: bytes) -> bytes:
    """A file of one tensor of bytes."""
    tensor = {"dtype": "U8", "shape": [len(values)], "data_offsets": [0, len(values)]}
    header = json.dumps({"w": tensor}).encode()
    return len(header).to_bytes(8, "little") + header + values


def staged(store: CheckpointStore, values: bytes = b"weights", fence: int = 1) -> Path:
    """A staging folder with weights and their configuration."""
    folder = store.stage("run", DAY, fence)
    (folder / WEIGHTS).write_bytes(safetensors(values))
    (folder / "adapter_config.json").write_text('{"r": 16}')
    return folder


def publish(store: CheckpointStore, values: bytes = b"weights", fence: int = 1) -> CheckpointRecord:
    """Publish a checkpoint."""
    folder = staged(store, values, fence)
    return store.publish(folder, run="run", date=DAY, fence=fence, parent=None, base_model="base", adapter="lora")
