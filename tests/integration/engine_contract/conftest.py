"""The engine under test, the same suite for each: the CPU engine on a tiny model, a real vLLM, or one elsewhere.

MORROW_TEST_ENGINE=vllm starts a real one (`make test-vllm`). MORROW_TEST_ENGINE_URL names one elsewhere, and
MORROW_TEST_ENGINE_FILES the folder that `tiny` wrote for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.integration.engine_contract.serving import Served, serve
from tests.integration.engine_contract.tiny import write_adapter, write_model
from tests.integration.engine_contract.vllm_server import vllm


@pytest.fixture(scope="session")
def engine_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with model/ and adapter/."""
    if given := os.environ.get("MORROW_TEST_ENGINE_FILES"):
        return Path(given)
    root = tmp_path_factory.mktemp("engine")
    write_adapter(write_model(root / "model"), root / "adapter")
    return root


@pytest.fixture(scope="session")
def engine(engine_files: Path) -> Iterator[Served]:
    """A running engine."""
    if given := os.environ.get("MORROW_TEST_ENGINE_URL"):
        yield Served(given, engine_files)
    elif os.environ.get("MORROW_TEST_ENGINE") == "vllm":
        with vllm(engine_files, engine_files / "vllm.log") as served:
            yield served
    else:
        with _cpu_engine(engine_files) as served:
            yield served


def _cpu_engine(files: Path) -> AbstractContextManager[Served]:
    from transformers import AutoTokenizer

    from services.inference.cpu_engine.decoding.limits import Limits
    from services.inference.cpu_engine.factory import make_app
    from services.inference.cpu_engine.model.policies import load_model

    folder = files / "model"
    app = make_app(load_model(folder), AutoTokenizer.from_pretrained(folder), str(folder), Limits(batch=16))
    return serve(app, files)
