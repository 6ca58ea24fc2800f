"""A worker process that fills its engine: how many steps it claims, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import redis

from shared.wire import ClaimAnswer
from shared.worker.celery import make_celery, task_name
from tests.unit.inference.fakes import generate_task

ROWS = 2
"""What the engine decodes together: a group's two free rollouts count as one row, a step of two groups as two."""
PATIENCE = 90.0


class World:
    """A coordinator that grants every step, of two groups of two, and an engine that answers when it is let."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.claimed: list[int] = []
        self.completed: list[int] = []
        self.waiting = 0
        self.allowed = 0

    def until(self, happened: Callable[[], bool]) -> None:
        """Wait until it has happened."""
        with self.changed:
            assert self.changed.wait_for(happened, PATIENCE), vars(self)

    def allow(self, answers: int) -> None:
        """Let so many more requests be answered."""
        with self.changed:
            self.allowed += answers
            self.changed.notify_all()

    def answer(self, path: str, body: Any) -> dict[str, Any]:
        """The answer to a request."""
        if path == "/v1/completions":
            return self._completion(body)
        if path.startswith("/v1/steps/"):
            return self._step(path)
        return {"data": [{"id": "base", "max_num_seqs": ROWS}]} if path == "/v1/models" else {}

    def _step(self, path: str) -> dict[str, Any]:
        number, call = int(path.split("/")[3]), path.split("/")[4]
        with self.changed:
            if call == "claim":
                self.claimed.append(number)
            if call == "complete":
                self.completed.append(number)
            self.changed.notify_all()
        if call != "claim":
            return {"status": "accepted"} if call == "complete" else {"go_on": True}
        task = generate_task(["Oil climbs", "Gold falls"], rollouts=2, free_share=1.0)
        granted = ClaimAnswer(status="granted", lease_seconds=30, task=task.model_copy(update={"step_id": number}))
        return granted.model_dump(mode="json")

    def _completion(self, body: Any) -> dict[str, Any]:
        with self.changed:
            self.waiting += 1
            self.changed.notify_all()
            assert self.changed.wait_for(lambda: self.allowed > 0, PATIENCE)
            self.allowed -= 1
            self.waiting -= 1
        choice = {"text": "x", "token_ids": [5], "finish_reason": "stop", "logprobs": {"token_logprobs": [-1.0]}}
        return {"model": "base", "choices": [choice | {"index": index} for index in range(body["n"])]}


@contextmanager
def listening(world: World) -> Iterator[str]:
    """The URL of coordinator and engine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = json.dumps(world.answer(self.path.partition("?")[0], json.loads(body or b"null"))).encode()
            try:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
            except OSError:
                return  # the worker has ended

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        world.allow(1000)
        server.shutdown()


@contextmanager
def worker(world: World, broker: str, model: Path, steps: int) -> Iterator[subprocess.Popen[str]]:
    """A worker with so many steps in its queue."""
    with listening(world) as url, make_celery(broker) as app:
        for number in range(1, steps + 1):
            app.send_task(task_name("generate"), args=[number], queue="generate")
        own = {"MORROW_COORDINATOR_URL": url, "MORROW_ENGINE_URL": url, "MORROW_BROKER_URL": broker}
        own |= {"MORROW_BASE_MODEL_PATH": str(model), "REMAP_SIGTERM": ""}
        command = [sys.executable, "-m", "services.inference.worker.main"]
        with subprocess.Popen(
            command, env=os.environ | own, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        ) as child:
            try:
                yield child
            finally:
                child.kill()


@pytest.fixture
def broker(broker_url: str) -> str:
    """A queue of its own."""
    url = broker_url.rpartition("/")[0] + "/9"
    redis.Redis.from_url(url).flushdb()
    return url


def queued(broker: str) -> int:
    length = redis.Redis.from_url(broker).llen("generate")
    assert isinstance(length, int)
    return length


def test_the_next_step_is_claimed_when_the_engine_has_rows_to_spare_and_no_further_one(
    broker: str, tiny_model: Path
) -> None:
    world = World()
    with worker(world, broker, tiny_model, steps=3) as child:
        world.until(lambda: world.waiting == 2)
        assert (world.claimed, queued(broker)) == ([1], 2)
        world.allow(1)
        world.until(lambda: world.waiting == 3)
        assert (world.claimed, world.completed, queued(broker)) == ([1, 2], [], 1)
        world.allow(5)
        world.until(lambda: sorted(world.completed) == [1, 2, 3])
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=PATIENCE)
    assert child.returncode == 0
    assert world.claimed == [1, 2, 3]


def test_a_worker_that_is_told_to_end_posts_what_it_began_and_claims_nothing_more(
    broker: str, tiny_model: Path
) -> None:
    world = World()
    with worker(world, broker, tiny_model, steps=3) as child:
        world.until(lambda: world.waiting == 2)
        child.send_signal(signal.SIGTERM)
        world.allow(1000)
        child.communicate(timeout=PATIENCE)
    assert child.returncode == 0
    assert 1 in world.completed
    assert sorted(world.claimed) == sorted(world.completed)


def test_a_worker_that_must_end_at_once_gives_its_steps_up(broker: str, tiny_model: Path) -> None:
    world = World()
    with worker(world, broker, tiny_model, steps=1) as child:
        world.until(lambda: world.waiting == 2)
        child.send_signal(signal.SIGQUIT)
        _, log = child.communicate(timeout=PATIENCE)
    assert world.completed == []
    assert "step 1 stopped: the worker is shutting down" in log
