"""A local stack of a test's own, driven through the morrow command as a person would."""

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
    """MORROW_HOME, what else the stack is told, and how long to wait for anything (seconds)."""

    home: Path
    settings: dict[str, str]
    patience: float = 300.0

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MORROW_")}
        return kept | self.settings | {"MORROW_HOME": str(self.home)}

    def morrow(self, *arguments: str, status: int = 0) -> str:
        """Run a command; its standard output. The exit status must be the one expected."""
        done = subprocess.run(
            (sys.executable, "-m", "services.cli.main", *arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=self.patience,
            check=False,
        )
        assert done.returncode == status, f"morrow {' '.join(arguments)}\n{done.stdout}\n{done.stderr}\n{self.logs()}"
        return done.stdout

    def logs(self) -> str:
        """The ends of all logs, for a failure's message."""
        files = sorted((self.home / "logs").glob("*.log"))
        return "\n".join(f"== {file.name}\n{file.read_text('utf8', 'replace')[-1500:]}" for file in files)

    def state(self) -> Json:
        found: Json = json.loads((self.home / "stack.json").read_text())
        return found

    def get(self, path: str) -> Json:
        """What the coordinator answers; a coordinator that is restarting is waited for."""

        def answer() -> Json | None:
            try:
                said = httpx.get(self.state()["coordinator_url"] + path, timeout=10, trust_env=False)
            except (httpx.TransportError, FileNotFoundError):
                return None
            body: Json = said.raise_for_status().json()
            return body

        body: Json = self.wait_for(answer, f"an answer to {path}")
        return body

    def items(self, path: str) -> list[Json]:
        items: list[Json] = self.get(f"{path}?limit=1000")["items"]
        return items

    def wait_for(self, happened: Callable[[], Any], what: str) -> Any:
        """Whatever `happened` answers once it is something."""
        deadline = time.monotonic() + self.patience
        while not (found := happened()):
            assert time.monotonic() < deadline, f"waited in vain for {what}\n{self.logs()}"
            time.sleep(0.1)
        return found

    def wait_for_step(self, run: str, kind: str, *states: str) -> Json:
        """The first step of a kind in one of the states."""

        def found() -> Json | None:
            steps = self.items(f"/v1/backfills/{run}/steps")
            return next((step for step in steps if step["kind"] == kind and step["state"] in states), None)

        step: Json = self.wait_for(found, f"a {kind} step that is {' or '.join(states)}")
        return step

    def kill(self, part: str) -> None:
        """kill -9 one part's process, and wait until the supervisor has replaced it."""
        pid = self.state()["parts"][part]["pid"]
        os.kill(pid, signal.SIGKILL)

        def replaced() -> bool:
            now = self.state()["parts"][part]
            return bool(now["pid"] and now["pid"] != pid and now["phase"] in ("starting", "ready"))

        self.wait_for(replaced, f"another process for {part}")

    def processes(self) -> list[psutil.Process]:
        """Everything that still runs for this home: by its command line, its environment or its folder."""
        found = []
        for process in psutil.process_iter():
            try:
                words = [*process.cmdline(), *process.environ().values(), process.cwd()]
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
            if process.pid != os.getpid() and any(str(self.home) in word for word in words):
                found.append(process)
        return found
