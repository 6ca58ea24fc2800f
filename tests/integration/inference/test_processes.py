"""The worker and the syncer as processes of their own."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
from kombu import Exchange, Producer, Queue

from services.cli.local.ports import pick_port
from shared.worker.celery import make_celery, task_name

NOBODY = "http://127.0.0.1:9"


@contextmanager
def process(module: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A running module; killed if the test did not end it."""
    variables = os.environ | {f"MORROW_{name.upper()}": value for name, value in environment.items()}
    command = [sys.executable, "-m", module]
    with subprocess.Popen(
        command, env=variables, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def line_with(child: subprocess.Popen[str], text: str) -> str:
    """The next line of the process' log that holds the text."""
    assert child.stderr is not None
    return next(line for line in child.stderr if text in line)


def test_a_syncer_outlives_a_coordinator_that_is_away_and_ends_when_told_to() -> None:
    with process(
        "services.inference.syncer.main", coordinator_url=NOBODY, sync_period="0.01", syncer_port="0"
    ) as child:
        assert "WARNING" in line_with(child, "cannot fetch the desired checkpoints")
        child.send_signal(signal.SIGTERM)
        _, rest = child.communicate(timeout=30)
    assert child.returncode == 0
    assert "cannot fetch the desired checkpoints" not in rest


class Refusing(BaseHTTPRequestHandler):
    """A coordinator that says of every step that it is done."""

    claimed: threading.Event
    paths: list[str]

    def do_POST(self) -> None:
        """Answer a claim."""
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"status": "done"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.paths.append(self.path)
        self.claimed.set()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def coordinator() -> Iterator[tuple[str, type[Refusing]]]:
    """A listening coordinator and what it has been asked."""
    handler = type("Handler", (Refusing,), {"claimed": threading.Event(), "paths": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()
        thread.join()


def test_a_message_makes_the_worker_claim_its_step(broker_url: str) -> None:
    own = broker_url.rpartition("/")[0] + "/7"
    with coordinator() as (url, seen), make_celery(own) as app:
        app.send_task(task_name("generate"), args=[41], queue="generate")
        metrics_port = str(pick_port(8720))
        with process(
            "services.inference.worker.main", coordinator_url=url, broker_url=own, metrics_port=metrics_port
        ) as child:
            assert seen.claimed.wait(60)
            metrics = httpx.get(f"http://127.0.0.1:{metrics_port}/metrics", trust_env=False).text
            child.send_signal(signal.SIGTERM)
            child.communicate(timeout=60)
    assert child.returncode == 0
    assert seen.paths == ["/v1/steps/41/claim"]
    assert 'morrow_step_seconds_count{kind="generate",outcome="done"} 0.0' in metrics


def test_a_pickle_on_the_queue_is_thrown_away_and_the_worker_lives(broker_url: str, tmp_path: Path) -> None:
    own, proof = broker_url.rpartition("/")[0] + "/8", tmp_path / "ran"
    with coordinator() as (url, seen), make_celery(own) as app:
        with app.connection_for_write() as connection:
            queue = Queue("generate", Exchange("generate"), routing_key="generate", channel=connection.default_channel)
            headers = {"id": "1", "task": task_name("generate"), "lang": "py", "argsrepr": "", "kwargsrepr": ""}
            body = pickle.dumps(Opening(proof))
            Producer(connection).publish(
                body,
                exchange=queue.exchange,
                routing_key="generate",
                declare=[queue],
                headers=headers,
                content_type="application/x-python-serialize",
                content_encoding="binary",
            )
        app.send_task(task_name("generate"), args=[42], queue="generate")
        with process("services.inference.worker.main", coordinator_url=url, broker_url=own) as child:
            assert seen.claimed.wait(60)
            child.send_signal(signal.SIGTERM)
            _, log = child.communicate(timeout=60)
    assert seen.paths == ["/v1/steps/42/claim"]
    assert "ContentDisallowed" in log
    assert not proof.exists()


class Opening:
    """What makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (self._path, "w")


def test_no_worker_says_what_it_was_told_in_secret() -> None:
    secret = {
        "syncer_port": "0",
        "broker_url": "redis://me:hunter2@127.0.0.1:9/0",
        "token": "mrw_0123456789abcdef_" + "s" * 43,
    }
    for module, text in (
        ("services.inference.worker.main", "onnection"),
        ("services.inference.syncer.main", "cannot fetch"),
    ):
        with process(module, coordinator_url="http://me:hunter2@127.0.0.1:9", log_level="DEBUG", **secret) as child:
            line = line_with(child, text)
            child.kill()
            _, rest = child.communicate(timeout=30)
        assert "hunter2" not in line + rest
        assert "ssss" not in line + rest
