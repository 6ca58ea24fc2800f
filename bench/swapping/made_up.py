"""Synthetic checkpoints: distinct adapters and full weights, published and recorded like those of days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from services.coordinator.database import make_engine, make_sessions, normalized_url
from services.coordinator.models import Checkpoint, Day, Run
from shared.checkpoints import CheckpointStore
from shared.wire import CheckpointRecord

BASE = "HuggingFaceTB/SmolLM2-135M-Instruct"
FIRST = dt.date(2025, 1, 1)
Kind = Literal["lora", "full"]


def writer(model: Path, kind: Kind) -> Callable[[Path, int], None]:
    """A function that writes checkpoint number n into a folder: the trainer's layout, noise for learned weights."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from services.trainer.update.model import lora_config, save_policy
    from shared.run_config import RunConfig

    config = RunConfig(adapter=kind)
    base: Any = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    if kind == "lora":
        from peft import get_peft_model

        base = get_peft_model(base, lora_config(config))
    tokenizer = AutoTokenizer.from_pretrained(model)
    original = {name: weight.detach().clone() for name, weight in base.named_parameters() if weight.requires_grad}

    def write(folder: Path, number: int) -> None:
        generator = torch.Generator().manual_seed(number)
        for name, weight in base.named_parameters():
            if name in original and ("lora_B" in name or kind == "full"):
                scale = 0.01 if kind == "lora" else 0.02 * float(original[name].std())
                noise = torch.randn(weight.shape, generator=generator)
                weight.data.copy_(original[name] + scale * noise)
        save_policy(base, tokenizer, folder, config)

    return write


def publish(store: CheckpointStore, model: Path, kind: Kind, count: int) -> list[CheckpointRecord]:
    """Publish `count` checkpoints of one kind to the store."""
    write = writer(model, kind)
    records = []
    for number in range(count):
        date = FIRST + dt.timedelta(days=number)
        folder = store.stage(f"swaps-{kind}", date, 1)
        write(folder, number)
        records.append(
            store.publish(folder, run=f"swaps-{kind}", date=date, fence=1, parent=None, base_model=BASE, adapter=kind)
        )
    return records


def record(database_url: str, records: list[CheckpointRecord]) -> None:
    """Insert checkpoints into the coordinator's database, each as that of a day of one completed run."""
    engine = make_engine(normalized_url(database_url))
    with make_sessions(engine).begin() as session:
        run = Run(name=records[0].run, kind="import", config={}, config_hash="", state="completed")
        session.add(run)
        session.flush()
        for position, made in enumerate(records):
            day = Day(
                run_id=run.id, date=made.date, position=position, headline_ids=[], profile="default", state="published"
            )
            session.add(day)
            session.flush()
            session.add(
                Checkpoint(
                    **made.ref.model_dump(),
                    run_id=run.id,
                    day_id=day.id,
                    fence=made.fence,
                    adapter=made.adapter,
                    base_model=made.base_model,
                    files=made.files,
                    stats={},
                )
            )
    engine.dispose()
