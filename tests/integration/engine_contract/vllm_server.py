"""A real vLLM server for the contract, out of the virtual environment that `make vllm-install` makes."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from services.inference.launch_vllm import VllmServer
from tests.integration.engine_contract.serving import Served

PATIENCE = 280
"""Seconds until it answers: on two busy cores it takes one to two minutes, most of them imports."""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def vllm(files: Path, log: Path) -> Iterator[Served]:
    """A server on files/model; its output goes to `log`."""
    python = os.environ.get("MORROW_TEST_VLLM_PYTHON", ".venv-vllm/bin/python")
    server = VllmServer(str(files / "model"), python=python, port=free_port(), context=1024, kv_gib=1, grace=5)
    url = f"http://{server.host}:{server.port}"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            server.command(), env=os.environ | server.environment(), stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            _await(url, process, log)
            served = Served(url, files)
            yield served
            served.http.close()
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/health", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise AssertionError(f"vLLM did not start:\n{log.read_text('utf8', 'replace')[-4000:]}")
