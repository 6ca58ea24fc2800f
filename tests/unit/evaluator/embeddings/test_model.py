"""The embedding model is found, pinned and verified before it is used."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from services.evaluator.embeddings import model as embedder
from services.evaluator.embeddings.model import PACKAGE, Cached, MiniLm, packaged_model, verified
from shared.errors import UnavailableError
from tests.unit.evaluator.group_texts import WordEmbedder


def test_the_wheels_model_is_found_and_verified() -> None:
    assert (packaged_model() / "model.safetensors").is_file()


def test_a_missing_wheel_is_reported_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedder, "PACKAGE", "no_such_package")
    with pytest.raises(UnavailableError, match="set MORROW_EMBEDDER"):
        packaged_model()


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda _: "0.2.0")
    with pytest.raises(UnavailableError, match=f"{PACKAGE} is version 0.2.0, not the pinned 0.1.0"):
        packaged_model()


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"other")
    with pytest.raises(UnavailableError, match="not the pinned weight file"):
        verified(tmp_path, "00")


def test_source_without_a_model_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=f"MORROW_EMBEDDER: {tmp_path}"):
        MiniLm(str(tmp_path)).check()


def test_cached_text_is_embedded_once_and_keeps_its_place() -> None:
    inner = WordEmbedder()
    cached = Cached(inner)
    first = cached.embed(["weather", "profit", "weather"])
    second = cached.embed(["profit", "shares"])
    assert inner.texts == ["profit", "weather", "shares"]
    assert np.array_equal(first[1], second[0])
    assert np.array_equal(first[0], first[2])
