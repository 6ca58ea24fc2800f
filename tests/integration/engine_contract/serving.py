"""An engine under test: where it answers, the files behind it, and short forms of its calls."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI


@dataclass(frozen=True)
class Served:
    """A running engine that serves the model in files/model as `base`; files/adapter fits it."""

    url: str
    files: Path

    @cached_property
    def http(self) -> httpx.Client:
        """A client of the engine."""
        return httpx.Client(base_url=self.url, timeout=120)

    @cached_property
    def tokenizer(self) -> Any:
        """The served model's tokenizer."""
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self.files / "model")

    @cached_property
    def model(self) -> Any:
        """The served model, for computing by hand."""
        from transformers import LlamaForCausalLM

        return LlamaForCausalLM.from_pretrained(self.files / "model").eval()

    def complete(self, **body: Any) -> dict[str, Any]:
        """The answer of /v1/completions, with token ids and log-probabilities unless told otherwise."""
        defaults = {"model": "base", "prompt": "Oil falls", "return_token_ids": True, "logprobs": 0}
        answer = self.http.post("/v1/completions", json=defaults | body)
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()
        return result

    def choice(self, **body: Any) -> dict[str, Any]:
        """The only choice of `complete`."""
        choices = self.complete(**body)["choices"]
        assert len(choices) == 1
        result: dict[str, Any] = choices[0]
        return result

    def load(self, name: str, path: Path | None = None) -> httpx.Response:
        """Load an adapter: the one that fits, unless another is given."""
        path = path or self.files / "adapter"
        return self.http.post("/v1/load_lora_adapter", json={"lora_name": name, "lora_path": str(path)})

    def unload(self, name: str) -> httpx.Response:
        """Unload an adapter."""
        return self.http.post("/v1/unload_lora_adapter", json={"lora_name": name})

    def metric(self, name: str) -> float:
        """The value of one of the engine's metrics."""
        lines = [line for line in self.http.get("/metrics").text.splitlines() if line.startswith(f"{name}{{")]
        assert lines, f"no metric {name}"
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


@contextmanager
def serve(app: FastAPI, files: Path) -> Iterator[Served]:
    """Run an app on a port of its own. The port listens before the server runs, so no call comes too early."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=5))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        served = Served(f"http://127.0.0.1:{listener.getsockname()[1]}", files)
        try:
            yield served
        finally:
            served.http.close()
            server.should_exit = True
            thread.join()
