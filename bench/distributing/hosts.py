"""Hosts as network namespaces on their own bridge or, without the permission for those, as loopback addresses."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IP = shutil.which("ip") or "ip"


@dataclass(frozen=True)
class Process:
    """A process of a host with its log."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    def says(self, text: str) -> bool:
        """Whether the log contains the text."""
        return text in self.log.read_text("utf8", "replace")

    def end(self, number: int) -> None:
        """Send a signal to the process and its children."""
        try:
            os.killpg(self.popen.pid, number)
        except ProcessLookupError:
            return


@dataclass
class Host:
    """A host: its address, its private folder and its processes."""

    name: str
    address: str
    folder: Path
    namespace: str | None
    processes: list[Process] = field(default_factory=list)

    def environment(self, own: Mapping[str, str]) -> dict[str, str]:
        """The environment of a process: search paths, the host's folders and the process' own settings."""
        folders = {"HOME": str(self.folder), "TMPDIR": str(self.folder), "XDG_CACHE_HOME": str(self.folder / "cache")}
        threads = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "TOKENIZERS_PARALLELISM": "false"}
        plain = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        return folders | threads | plain | {"HF_HUB_OFFLINE": "1"} | own

    def command(self, *words: str, account: tuple[int, int] | None = None) -> list[str]:
        """The command line that runs a command on this host, optionally under another user and group id."""
        inside = [IP, "netns", "exec", self.namespace] if self.namespace else []
        drop = ["setpriv", f"--reuid={account[0]}", f"--regid={account[1]}", "--clear-groups"] if account else []
        return [*inside, *drop, *words]

    def start(
        self, name: str, words: Sequence[str], own: Mapping[str, str], account: tuple[int, int] | None = None
    ) -> Process:
        """Start a process on this host."""
        log = self.folder / f"{name}.log"
        with log.open("wb") as output:
            popen = subprocess.Popen(
                self.command(*words, account=account),
                env=self.environment(own),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = Process(name, popen, log)
        self.processes.append(process)
        return process


def _ip(*words: str) -> None:
    subprocess.run((IP, *words), check=True, capture_output=True, text=True)


def _join(bridge: str, host: Host) -> None:
    assert host.namespace is not None
    outer = f"{host.namespace}v"
    _ip("netns", "add", host.namespace)
    _ip("link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", host.namespace)
    _ip("link", "set", outer, "master", bridge, "up")
    _ip("-n", host.namespace, "addr", "add", f"{host.address}/24", "dev", "eth0")
    for device in ("eth0", "lo"):
        _ip("-n", host.namespace, "link", "set", device, "up")


def _may_have_namespaces(bridge: str) -> bool:
    try:
        _ip("link", "add", bridge, "type", "bridge")
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


@contextmanager
def hosts(names: Sequence[str], root: Path) -> Iterator[dict[str, Host]]:
    """Hosts by name; at the end their processes are killed and the network is removed."""
    number = os.getpid() % 250 + 1
    bridge = f"mrw{number}"
    bridged = _may_have_namespaces(bridge)
    made = {}
    for place, name in enumerate(names, start=11):
        address = f"10.77.{number}.{place}" if bridged else f"127.77.{number}.{place}"
        made[name] = Host(name, address, root / name, f"{bridge}h{place}" if bridged else None)
        made[name].folder.mkdir()
    try:
        if bridged:
            _ip("addr", "add", f"10.77.{number}.1/24", "dev", bridge)
            _ip("link", "set", bridge, "up")
            for host in made.values():
                _join(bridge, host)
        yield made
    finally:
        running = [process for host in reversed(made.values()) for process in reversed(host.processes)]
        for process in running:
            process.end(signal.SIGKILL)
        for process in running:
            process.popen.wait()
        if bridged:
            for host in made.values():
                subprocess.run((IP, "netns", "del", str(host.namespace)), check=False, capture_output=True)
            _ip("link", "del", bridge)
