"""What is called safetensors is safetensors."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from shared.checkpoints.safetensors import check_safetensors, check_weights
from shared.errors import InvalidInputError
from tests.factories import weights


def header(tensors: object, data: bytes = b"") -> bytes:
    text = json.dumps(tensors).encode()
    return len(text).to_bytes(8, "little") + text + data


def tensor(begin: int, end: int, shape: list[int], dtype: str = "U8") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_what_the_library_writes_is_taken(tmp_path: Path) -> None:
    kinds = (torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.uint8, torch.bool)
    tensors = {str(kind): torch.zeros(3, 5, dtype=kind) for kind in kinds} | {"scalar": torch.tensor(1.0)}
    save_file(tensors | {"empty": torch.zeros(0, 4)}, tmp_path / "a.safetensors", metadata={"format": "pt"})
    save_file({}, tmp_path / "none.safetensors")
    (tmp_path / "made.safetensors").write_bytes(weights(b"bytes"))
    check_weights(tmp_path, ["a.safetensors", "none.safetensors", "made.safetensors"])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        pickle.dumps({"a": [1.0] * 50}),
        b"\x02" + b"\0" * 7 + b"[]",
        header({"a": tensor(0, 4, [4])}, b"too long by far"),
        header({"a": tensor(0, 4, [4])}, b"few"),
        header({"a": tensor(0, 4, [5])}, b"four"),
        header({"a": tensor(0, 4, [4]), "b": tensor(0, 4, [4])}, b"four"),
        header({"a": tensor(1, 4, [3])}, b"four"),
        header({"a": tensor(0, 4, [4], "OBJECT")}, b"four"),
        header({"a": "pickle"}, b""),
        header({"a": tensor(0, -4, [-4])}, b""),
        (2**40).to_bytes(8, "little") + b"{}",
    ],
    ids=lambda content: repr(content[:24]),
)
def test_anything_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"a\.safetensors is not safetensors"):
        check_safetensors(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (pickle.dumps({"a": [1.0] * 50}), "header too large"),
        (header({"a": tensor(0, 4, [4])}, b"too long by far"), "incomplete metadata"),
        (header({"a": tensor(0, 4, [4])}, b"few"), "incomplete metadata"),
        (header({"a": tensor(1, 4, [3])}, b"four"), "invalid offset"),
        (header({"a": tensor(0, 4, [5])}, b"four"), "invalid shape"),
    ],
    ids=["pickle", "trailing bytes", "short file", "hole", "wrong shape"],
)
def test_a_refusal_names_the_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=f"(?i)not safetensors: .*({reason})"):
        check_safetensors(path)


def test_what_torch_saves_is_refused_under_that_name(tmp_path: Path) -> None:
    for name, old in (("zip", True), ("old", False)):
        path = tmp_path / f"{name}.safetensors"
        torch.save({"a": torch.zeros(2)}, path, _use_new_zipfile_serialization=old)
        assert zipfile.is_zipfile(path) == old
        with pytest.raises(InvalidInputError):
            check_safetensors(path)


def test_a_link_to_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").symlink_to("/etc/passwd")
    with pytest.raises(InvalidInputError, match="link"):
        check_weights(tmp_path, ["a.json"])
