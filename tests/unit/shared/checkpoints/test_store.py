"""The checkpoint store."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from shared.checkpoints import CheckpointStore, sha256_of
from shared.errors import CheckpointCorruptError, InvalidInputError
from shared.wire import CheckpointRecord, CheckpointRef
from tests import factories

DAY = dt.date(2025, 8, 18)


def publish(store: CheckpointStore, weights: bytes = b"weights", fence: int = 1) -> CheckpointRecord:
    staged = store.stage("run", DAY, fence)
    (staged / "adapter_model.safetensors").write_bytes(factories.weights(weights))
    return store.publish(staged, run="run", date=DAY, fence=fence, parent=None, base_model="base", adapter="lora")


def test_a_published_checkpoint_is_found_and_verified(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    record = publish(store)
    folder = store.verified(record.ref)
    assert (folder / "adapter_model.safetensors").read_bytes() == factories.weights(b"weights")
    assert record.files == {"adapter_model.safetensors": sha256_of(folder / "adapter_model.safetensors")}
    assert record.ref.id.startswith("run-20250818-")


def test_nothing_stays_in_staging_after_publishing(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    publish(store)
    assert [path.name for path in (tmp_path / "run").iterdir() if path.name.startswith(".")] == []


def test_publishing_the_same_content_twice_gives_one_checkpoint(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    assert publish(store) == publish(store)
    assert len(list((tmp_path / "run").iterdir())) == 1


def test_other_content_or_another_fence_has_another_id(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    ids = {publish(store).ref.id, publish(store, b"other").ref.id, publish(store, fence=2).ref.id}
    assert len(ids) == 3


def test_a_changed_file_is_found(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    record = publish(store)
    (store.path(record.ref) / "adapter_model.safetensors").write_bytes(b"tampered")
    with pytest.raises(CheckpointCorruptError, match=r"adapter_model\.safetensors is missing or changed"):
        store.verified(record.ref)


def test_a_changed_manifest_is_found(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    record = publish(store)
    (store.path(record.ref) / "manifest.json").write_text("{}")
    with pytest.raises(CheckpointCorruptError, match="not the one that was recorded"):
        store.verified(record.ref)


def test_a_pickle_is_not_published(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    staged = store.stage("run", DAY, 1)
    (staged / "optimizer.pt").write_bytes(b"\x80\x04")
    with pytest.raises(InvalidInputError, match=r"optimizer\.pt.*safetensors only"):
        store.publish(staged, run="run", date=DAY, fence=1, parent=None, base_model="base", adapter="lora")


@pytest.mark.parametrize("uri", ["../outside", "run/../../outside", "/etc", ".", ""])
def test_a_uri_cannot_leave_the_store(tmp_path: Path, uri: str) -> None:
    store = CheckpointStore(tmp_path / "store")
    with pytest.raises(InvalidInputError, match="leads out"):
        store.path(CheckpointRef(id="x", uri=uri, sha256="0"))


@pytest.mark.parametrize("name", ["../manifest.json", "a/b", "", ".hidden"])
def test_a_file_name_cannot_leave_its_checkpoint(tmp_path: Path, name: str) -> None:
    store = CheckpointStore(tmp_path)
    with pytest.raises(InvalidInputError, match="not a file name"):
        store.file(publish(store).ref, name)
