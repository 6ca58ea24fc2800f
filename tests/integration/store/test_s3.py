"""What is S3's alone: copies on each host, uploads that break off, a server that is away."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest

from shared.checkpoints import MANIFEST, CheckpointStore, open_store
from shared.checkpoints.remote import Remote
from shared.errors import CheckpointCorruptError, UnavailableError
from tests.integration.store.conftest import SECRET, Place
from tests.integration.store.publishing import DAY, WEIGHTS, publish, safetensors, staged


def objects(s3: Place) -> set[str]:
    files, root = fsspec.url_to_fs(s3.url, **s3.options)
    return {path.rpartition("/")[2] for path in files.find(root)}


class Dying(Remote):
    """A remote whose process dies as it sends, or gets, a file of this name."""

    def __init__(self, s3: Place, name: str) -> None:
        super().__init__(s3.url, s3.options)
        self.name = name

    def _at(self, uri: str) -> tuple[Any, str]:
        files, root = super()._at(uri)
        return DyingFiles(files, self.name), root


class DyingFiles:
    def __init__(self, files: Any, name: str) -> None:
        self.files, self.name = files, name

    def __getattr__(self, called: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            if called != "cat_file" and any(str(argument).endswith(self.name) for argument in arguments[:2]):
                raise KeyboardInterrupt
            return getattr(self.files, called)(*arguments)

        return call


@pytest.mark.parametrize("name", [WEIGHTS, MANIFEST])
def test_an_upload_that_breaks_off_leaves_no_checkpoint_and_the_next_completes_it(s3: Place, name: str) -> None:
    store = CheckpointStore(s3.tmp_path / "dying", Dying(s3, name))
    with pytest.raises(KeyboardInterrupt):
        publish(store)
    assert MANIFEST not in objects(s3)
    record = publish(s3.host())
    assert s3.host().verified(record.ref).is_dir()


def test_a_download_that_breaks_off_leaves_nothing(s3: Place) -> None:
    record = publish(s3.host())
    store = CheckpointStore(s3.tmp_path / "dying", Dying(s3, WEIGHTS))
    with pytest.raises(KeyboardInterrupt):
        store.verified(record.ref)
    assert [path.name for path in (store.root / "run").iterdir()] == [".lock"]


def test_a_damaged_copy_is_fetched_again_and_a_sound_one_is_not(s3: Place) -> None:
    record = publish(s3.host())
    store = s3.host()
    folder = store.verified(record.ref)
    before = (folder / WEIGHTS).stat().st_ino
    assert (store.verified(record.ref) / WEIGHTS).stat().st_ino == before
    (folder / WEIGHTS).write_bytes(b"damaged")
    assert (store.verified(record.ref) / WEIGHTS).read_bytes() == safetensors(b"weights")


def test_a_copy_outlives_its_original(s3: Place) -> None:
    record = publish(s3.host())
    store = s3.host()
    store.verified(record.ref)
    s3.remove(record.ref, MANIFEST)
    assert store.verified(record.ref).is_dir()
    with pytest.raises(CheckpointCorruptError):
        s3.host().verified(record.ref)


def test_many_who_want_it_at_once_get_one_sound_copy(s3: Place) -> None:
    record = publish(s3.host())
    root = str(s3.tmp_path / "shared-cache")
    stores = [open_store(s3.url, root, s3.options) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda store: store.verified(record.ref), stores))
    (folder,) = folders
    assert (folder / WEIGHTS).read_bytes() == safetensors(b"weights")
    assert sorted(path.name for path in folder.parent.iterdir()) == [".lock", folder.name]


def test_a_server_that_is_away_is_unavailable_and_no_secret_is_told(aws: None, tmp_path: Path) -> None:
    options = {
        "endpoint_url": "http://127.0.0.1:9",
        "secret": SECRET,
        "key": "who",
        "config_kwargs": {"retries": {"max_attempts": 0}},
    }
    store = open_store("s3://bucket/prefix", str(tmp_path), options)
    folder = staged(store)
    with pytest.raises(UnavailableError, match="the checkpoint store at s3://bucket/prefix does not answer") as caught:
        store.publish(folder, run="run", date=DAY, fence=1, parent=None, base_model="base", adapter="lora")
    assert SECRET not in caught.value.detail


def test_a_bucket_that_is_not_there_is_unavailable(s3: Place) -> None:
    store = open_store("s3://no-such-bucket/x", str(s3.tmp_path / "cache"), s3.options)
    with pytest.raises(UnavailableError, match="no-such-bucket"):
        publish(store)
