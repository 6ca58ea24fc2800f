"""A test's own local stack, controlled with the morrow command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

Json = dict[str, Any]


@dataclass
class Machine:
    """A stack by its MORROW_HOME and further settings; `timeout` is that of every wait, in seconds."""

    home: Path
    settings: dict[str, str]
    timeout: float = 300.0

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MORROW_")}
        return kept | self.settings | {"MORROW_HOME": str(self.home)}

    def morrow(self, *arguments: str, status: int = 0) -> str:
        """Run a command, assert its exit status and return its standard output."""
        done = subprocess.run(
            (sys.executable, "-m", "services.cli.main", *arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=self.timeout,
            check=False,
        )
        assert done.returncode == status, f"morrow {' '.join(arguments)}\n{done.stdout}\n{done.stderr}\n{self.logs()}"
        return done.stdout

    def logs(self) -> str:
        """The ends of all logs, for the message of a failure."""
        files = sorted((self.home / "logs").glob("*.log"))
        return "\n".join(f"== {file.name}\n{file.read_text('utf8', 'replace')[-1500:]}" for file in files)

    def state(self) -> Json:
        state: Json = json.loads((self.home / "stack.json").read_text())
        return state

    def get(self, path: str) -> Json:
        """The coordinator's JSON response; waits while the coordinator restarts."""

        def request() -> Json | None:
            try:
                response = httpx.get(self.state()["coordinator_url"] + path, timeout=10, trust_env=False)
            except (httpx.TransportError, FileNotFoundError):
                return None
            body: Json = response.raise_for_status().json()
            return body

        body: Json = self.wait_for(request, f"a response of {path}")
        return body

    def items(self, path: str) -> list[Json]:
        items: list[Json] = self.get(f"{path}?limit=1000")["items"]
        return items

    def wait_for(self, happened: Callable[[], Any], what: str) -> Any:
        """Poll `happened` until its result is truthy and return it; fails at the timeout."""
        deadline = time.monotonic() + self.timeout
        while not (result := happened()):
            assert time.monotonic() < deadline, f"timeout waiting for {what}\n{self.logs()}"
            time.sleep(0.1)
        return result

    def wait_for_step(self, run: str, kind: str, *states: str) -> Json:
        """Wait for a step of a kind in one of the states."""

        def first() -> Json | None:
            steps = self.items(f"/v1/backfills/{run}/steps")
            return next((step for step in steps if step["kind"] == kind and step["state"] in states), None)

        step: Json = self.wait_for(first, f"a {kind} step that is {' or '.join(states)}")
        return step

    def kill(self, part: str) -> None:
        """Send SIGKILL to a part's process and wait until the supervisor has restarted it."""
        pid = self.state()["parts"][part]["pid"]
        os.kill(pid, signal.SIGKILL)

        def replaced() -> bool:
            now = self.state()["parts"][part]
            return bool(now["pid"] and now["pid"] != pid and now["phase"] in ("starting", "ready"))

        self.wait_for(replaced, f"a new process of {part}")

    def processes(self) -> list[psutil.Process]:
        """All running processes of this home, by command line, environment or working folder."""
        running = []
        for process in psutil.process_iter():
            try:
                words = [*process.cmdline(), *process.environ().values(), process.cwd()]
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
            if process.pid != os.getpid() and any(str(self.home) in word for word in words):
                running.append(process)
        return running
