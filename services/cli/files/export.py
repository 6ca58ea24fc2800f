"""Exports a run in the legacy layout: a folder of documents, training data, checkpoints and logs.

Files are written beside and renamed, so that none is ever incomplete; checkpoint files are verified by their hashes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from services.cli.client import Client, Json
from shared.checkpoints import MANIFEST, sha256_of
from shared.errors import CheckpointCorruptError, MorrowError
from shared.text.sanitize import guarded

Progress = Callable[[str, int, int], None]
"""Called with a label, the number of exported days and the number of all days."""
DOCUMENTS = ("predictions", "outcome_tracking", "evaluations")
LEGACY_COLUMNS = ("prediction_id", "headline", "rollout_id", "method", "ranking", "reward", "date", "status")
ADDED_COLUMNS = ("outcome_score", "normalized_score", "composite_reward", "trade_thinking_score")
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass
class Exported:
    """The result of an export: its folder, the number of days with predictions, and its files in order."""

    folder: Path
    days: int = 0
    files: list[Path] = field(default_factory=list)


def export_run(client: Client, run: str, folder: Path, progress: Progress = lambda *_: None) -> Exported:
    """Write all days of a run below `folder`, replacing the files of an earlier export.

    Raises NotFoundError for an unknown run, UnavailableError without a coordinator, and CheckpointCorruptError for a
    file that differs from the published one.
    """
    exported = Exported(folder)
    dates = [day["date"] for day in client.items(f"/v1/backfills/{run}/days")]
    for number, date in enumerate(dates):
        progress(f"{run} {date}", number, len(dates))
        _write_day(client, folder, client.get(f"/v1/backfills/{run}/export/{date}"), exported)
    progress(run, len(dates), len(dates))
    return exported


def _write_day(client: Client, folder: Path, day: Json, exported: Exported) -> None:
    run, stamp = day["run"], day["headlines"]["date"]
    storage, training = folder / f"timestamped_storage_{run}", folder / "training"
    if day["headlines"]["headlines"]:
        exported.files.append(_write_json(storage / f"{stamp}_headlines.json", day["headlines"]))
    if day["predictions"]["predictions"]:
        exported.days += 1
        exported.files += [_write_json(storage / f"{stamp}_{name}.json", day[name]) for name in DOCUMENTS]
        rows = day["evaluations"]["evaluations"]
        exported.files.append(_write(storage / f"{stamp}_evaluations.csv", _csv(rows)))
    if day["training"]:
        exported.files.append(_write_json(training / f"gspo_training_{stamp}.json", day["training"]))
    for step, text in day["logs"].items():
        exported.files.append(_write(training / "logs" / f"{_safe(run)}_{stamp}_{_safe(step)}.log", text))
    if day["checkpoint"]:
        exported.files += _write_checkpoint(client, training / "checkpoints" / f"gspo_{run}", day["checkpoint"])


def _csv(rows: list[Json]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*LEGACY_COLUMNS, *ADDED_COLUMNS])
    for row in rows:
        cells = [row[name] for name in (*LEGACY_COLUMNS, *ADDED_COLUMNS)]
        # A spreadsheet would run a text that begins like a formula.
        writer.writerow([guarded(cell) if isinstance(cell, str) else cell for cell in cells])
    return buffer.getvalue()


def _write_json(path: Path, document: Json) -> Path:
    return _write(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(text, "utf8")
    beside.replace(path)
    return path


def _safe(name: str) -> str:
    # Names come from the coordinator: a path among them could lead out of the folder.
    if not _SAFE.fullmatch(name):
        raise MorrowError(f"the coordinator named a file {name!r}, which may lie outside the export's folder")
    return name


def _write_checkpoint(client: Client, folder: Path, checkpoint: Json) -> list[Path]:
    """Write one folder per alias of the checkpoint; a folder with the same files is kept."""
    targets = [folder / _safe(alias) for alias in checkpoint["aliases"]]
    stale = [target for target in targets if not _is_current(target, checkpoint)]
    if stale:
        # Per process, so that two exports into one folder do not share it.
        staged = folder / f".part-{os.getpid()}"
        try:
            _download(client, staged, checkpoint)
            for target in stale:
                _replace(target, staged)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    return targets


def _is_current(target: Path, checkpoint: Json) -> bool:
    hashes = checkpoint["files"] | {MANIFEST: checkpoint["sha256"]}
    return all((target / name).is_file() and sha256_of(target / name) == digest for name, digest in hashes.items())


def _download(client: Client, staged: Path, checkpoint: Json) -> None:
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    for name, digest in (checkpoint["files"] | {MANIFEST: checkpoint["sha256"]}).items():
        path = f"/v1/checkpoints/{checkpoint['id']}/files/{name}"
        if _fetch(client, path, staged / _safe(name)) != digest:
            raise CheckpointCorruptError(f"checkpoint {checkpoint['id']}: {name} differs from the published file")


def _fetch(client: Client, path: str, target: Path) -> str:
    """Stream a file to disk; returns its SHA-256 as hex digits."""
    digest = hashlib.sha256()
    with target.open("wb") as file:
        for chunk in client.chunks(path):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _replace(target: Path, staged: Path) -> None:
    # Renamed and not written in place: a crash leaves a whole folder, if only under a dotted name.
    fresh, old = target.with_name(f".{target.name}.new"), target.with_name(f".{target.name}.old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.copytree(staged, fresh)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)
