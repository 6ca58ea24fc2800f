"""A tiny random Llama with its tokenizer, on disk as a base model lies there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.unit.trainer.toys import save_tiny_llama


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a base model with 32 tokens, 2 layers and 32 dimensions."""
    return save_tiny_llama(tmp_path_factory.mktemp("base"))
