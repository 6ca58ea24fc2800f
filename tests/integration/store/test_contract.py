"""What every kind of store promises, whichever host asks."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.checkpoints import MANIFEST, CheckpointStore
from shared.errors import CheckpointCorruptError, InvalidInputError
from shared.wire import CheckpointRef
from tests.integration.store.conftest import Place
from tests.integration.store.publishing import DAY, WEIGHTS, publish, safetensors, staged


def leftovers(store: CheckpointStore) -> list[str]:
    return [path.name for path in store.root.glob("*/.*") if path.is_dir()]


def test_what_one_host_publishes_another_finds_and_verifies(place: Place) -> None:
    one, other = place.host(), place.host()
    record = publish(one)
    folder = other.verified(record.ref)
    assert (folder / WEIGHTS).read_bytes() == safetensors(b"weights")
    assert {path.name for path in folder.iterdir()} == {WEIGHTS, "adapter_config.json", MANIFEST}
    assert set(record.files) == {WEIGHTS, "adapter_config.json"}
    assert other.file(record.ref, WEIGHTS).read_bytes() == safetensors(b"weights")
    assert leftovers(one) == leftovers(other) == []


def test_the_publisher_verifies_its_own(place: Place) -> None:
    store = place.host()
    assert store.verified(publish(store).ref).is_dir()


def test_one_file_can_be_read_by_a_host_that_has_nothing_of_it(place: Place) -> None:
    record = publish(place.host())
    assert place.host().file(record.ref, "adapter_config.json").read_text() == '{"r": 16}'


def test_equal_content_under_one_fence_is_one_checkpoint_and_other_content_another(place: Place) -> None:
    store = place.host()
    first = publish(store)
    assert publish(store) == publish(place.host()) == first
    assert len({first.ref.id, publish(store, b"other").ref.id, publish(store, fence=2).ref.id}) == 3


def test_two_publishers_at_once_make_one_checkpoint(place: Place) -> None:
    hosts = [place.host() for _ in range(4)]
    # Of one process id there is one staging folder: each publisher stages before any publishes.
    folders = [staged(host).rename(host.root / f"staged-{n}") for n, host in enumerate(hosts)]
    with ThreadPoolExecutor(4) as pool:
        records = list(
            pool.map(
                lambda host, folder: host.publish(
                    folder, run="run", date=DAY, fence=1, parent=None, base_model="base", adapter="lora"
                ),
                hosts,
                folders,
            )
        )
    assert len({record.ref.id for record in records}) == 1
    assert place.host().verified(records[0].ref).is_dir()


@pytest.mark.parametrize("content", [b"tampered", b""])
def test_a_changed_file_is_found(place: Place, content: bytes) -> None:
    record = publish(place.host())
    place.write(record.ref, WEIGHTS, content)
    other = place.host()
    with pytest.raises(CheckpointCorruptError, match=r"adapter_model\.safetensors is missing or changed"):
        other.verified(record.ref)
    assert leftovers(other) == []


def test_a_missing_file_is_found(place: Place) -> None:
    record = publish(place.host())
    place.remove(record.ref, WEIGHTS)
    with pytest.raises(CheckpointCorruptError, match=r"adapter_model\.safetensors is missing or changed"):
        place.host().verified(record.ref)


def test_a_changed_manifest_is_found(place: Place) -> None:
    record = publish(place.host())
    place.write(record.ref, MANIFEST, b"{}")
    with pytest.raises(CheckpointCorruptError, match="not the one that was recorded"):
        place.host().verified(record.ref)


def test_files_without_a_manifest_are_no_checkpoint(place: Place) -> None:
    record = publish(place.host())
    place.remove(record.ref, MANIFEST)
    with pytest.raises(CheckpointCorruptError, match="has no manifest"):
        place.host().verified(record.ref)


def test_what_was_never_published_is_no_checkpoint(place: Place) -> None:
    with pytest.raises(CheckpointCorruptError, match="has no manifest"):
        place.host().verified(CheckpointRef(id="x", uri="run/20250818-000000000000", sha256="0"))


@pytest.mark.parametrize("uri", ["../outside", "run/../../outside", "/etc", ".", ""])
def test_a_uri_cannot_leave_the_store(place: Place, uri: str) -> None:
    with pytest.raises(InvalidInputError, match="leads out"):
        place.host().verified(CheckpointRef(id="x", uri=uri, sha256="0"))


@pytest.mark.parametrize("name", ["../stolen.json", "/etc/passwd.json", "weights.pt", ".hidden.json", "a/b.json"])
def test_a_manifest_that_names_what_it_may_not_is_refused_before_anything_is_read(place: Place, name: str) -> None:
    manifest = json.dumps(
        {"run": "run", "date": str(DAY), "fence": 1, "parent": None, "base_model": "base", "adapter": "lora"}
        | {"files": {name: hashlib.sha256(b"{}").hexdigest()}}
    ).encode()
    ref = CheckpointRef(id="run-bad", uri="run/20250818-bad", sha256=hashlib.sha256(manifest).hexdigest())
    publish(place.host())
    place.write(ref, MANIFEST, manifest)
    other = place.host()
    with pytest.raises(InvalidInputError, match=r"not a file name|may not hold"):
        other.verified(ref)
    assert not list(other.root.glob("**/stolen.json"))


def test_what_a_library_might_load_is_not_published(place: Place) -> None:
    store = place.host()
    folder = staged(store)
    (folder / "optimizer.pt").write_bytes(b"\x80\x04")
    with pytest.raises(InvalidInputError, match=r"optimizer\.pt.*safetensors only"):
        store.publish(folder, run="run", date=DAY, fence=1, parent=None, base_model="base", adapter="lora")


def test_a_file_beside_those_of_the_manifest_is_not_handed_out(place: Place) -> None:
    store = place.host()
    record = publish(store)
    place.write(record.ref, "pytorch_model.bin", b"\x80\x04")
    if place.url.startswith("s3"):
        assert not (place.host().verified(record.ref) / "pytorch_model.bin").exists()
        return
    with pytest.raises(CheckpointCorruptError, match=r"pytorch_model\.bin is not in its manifest"):
        place.host().verified(record.ref)
