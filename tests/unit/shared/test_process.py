"""A child process ends with its parent."""

from __future__ import annotations

import os
import subprocess
import sys
import threading


def test_a_process_whose_parent_has_ended_ends_at_once() -> None:
    code = f"from shared.process import die_with; die_with({os.getpid() + 1_000_000}); print('alive')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1
    assert "has ended" in ended.stderr
    assert "alive" not in ended.stdout


def test_a_killed_parent_takes_the_tied_process_with_it() -> None:
    child = (
        "import os, time; from shared.process import die_with; "
        "die_with(os.getppid()); print(os.getpid(), flush=True); time.sleep(600)"
    )
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}]).wait()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        int(worker.stdout.readline())
        worker.kill()
        # the pipe closes when its last holder, the tied process, is dead
        watcher = threading.Thread(target=worker.communicate, daemon=True)
        watcher.start()
        watcher.join(30)
        assert not watcher.is_alive()


def test_a_process_of_a_living_parent_goes_on() -> None:
    code = "import os; from shared.process import die_with; die_with(os.getppid()); print('alive')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert "alive" in ended.stdout
