"""The engine as a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.engine_contract.serving import Served
from tests.integration.engine_contract.tiny import write_model


@pytest.fixture
def process(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Served]]:
    """A started engine that serves the tiny model, and its address."""
    model = write_model(tmp_path / "model")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "MORROW_BASE_MODEL_PATH": str(model),
        "MORROW_ENGINE_PORT": str(port),
        "MORROW_ENGINE_THREADS": "1",
    }
    command = [sys.executable, "-m", "services.inference.cpu_engine.main"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as started:
        assert started.stderr is not None
        for line in started.stderr:
            if "Uvicorn running" in line:
                break
        served = Served(f"http://127.0.0.1:{port}", tmp_path)
        yield started, served
        served.http.close()
        started.kill()


def test_told_to_stop_it_answers_what_is_in_flight_and_ends(
    process: tuple[subprocess.Popen[str], Served],
) -> None:
    engine, served = process
    body = {"model": "base", "prompt": "Oil", "max_tokens": 40, "n": 8, "ignore_eos": True}
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(served.http.post, "/v1/completions", json=body)
        while not running.done() and served.metric("vllm:num_requests_running") == 0:
            pass
        engine.send_signal(signal.SIGTERM)
        assert running.result().status_code == 200
    assert engine.wait(30) in {0, -signal.SIGTERM}
