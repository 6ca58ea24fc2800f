"""A container of Compose or Kubernetes as a process: its command, variables and ports, and their problems."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from deploy.checks.code import command_problems, gateway_ports, settings_of, variables_of

OTHERS = frozenset({"REMAP_SIGTERM", "OMP_NUM_THREADS", "GOMP_SPINCOUNT", "POD_IP", "HOME", "USER"})
"""Variables of Celery, OpenMP and the platform that processes of Morrow may have."""
STOCK_PORTS = {"postgres": 5432, "valkey": 6379, "prometheus": 9090, "grafana": 3000}
LOOPBACK = "127.0.0.1"
_URL = re.compile(r"\b(?:https?|redis|postgresql)://(?:[^@/\s]*@)?([a-z0-9.$()_A-Z-]+):(\d+)")


@dataclass(frozen=True)
class Process:
    """One container. Containers of a `pod` share a loopback; a value from a Secret is None in `env`."""

    name: str
    pod: str
    image: str
    argv: tuple[str, ...]
    env: Mapping[str, str | None] = field(default_factory=dict)
    probes: tuple[str, ...] = ()

    @property
    def module(self) -> str | None:
        """The module of Morrow that it runs, or None."""
        named = self.argv[2] if self.argv[:2] in {("python", "-m"), ("python3", "-m")} and len(self.argv) > 2 else ""
        return named if named.partition(".")[0] in {"services", "shared"} else None

    def flag(self, name: str) -> str | None:
        """The value of a flag `--name=value`, or None."""
        return next((word.partition("=")[2] for word in self.argv if word.startswith(f"{name}=")), None)

    def listens(self) -> dict[int, str]:
        """Its listening ports, each with its address."""
        if self.module:
            return _of_settings(self.module, self.env)
        if (port := self.flag("--port")) is not None:
            return {int(port): self.flag("--host") or "0.0.0.0"}  # noqa: S104 - vLLM's own default
        if self.argv[:1] == ("nginx",):
            return {gateway_ports()[0]: "0.0.0.0"}  # noqa: S104
        return {port: "0.0.0.0" for name, port in STOCK_PORTS.items() if name in self.image}  # noqa: S104

    def urls(self) -> list[tuple[str, int]]:
        """Host and port of every URL in its variables and probes."""
        values = [value for value in self.env.values() if value]
        return [(host, int(port)) for value in [*values, *self.probes] for host, port in _URL.findall(value)]


def _of_settings(module: str, env: Mapping[str, str | None]) -> dict[int, str]:
    if not module.endswith("main"):
        return {}
    defaults = variables_of(module)
    own = {"MORROW_PORT", "MORROW_ENGINE_PORT", "MORROW_SYNCER_PORT", "MORROW_METRICS_PORT"} & defaults.keys()
    if "syncer" in module:
        own = {"MORROW_SYNCER_PORT"}
    elif "MORROW_METRICS_PORT" in own:
        own = {"MORROW_METRICS_PORT"}
    ports = {name: int(str(env.get(name) or defaults.get(name) or 0)) for name in own}
    hosts = {name: name.removesuffix("PORT") + "HOST" for name in own}
    return {
        port: str(env.get(hosts[name]) or defaults.get(hosts[name]) or LOOPBACK) for name, port in ports.items() if port
    }


def problems(process: Process) -> Iterator[str]:
    """Modules, arguments and variables of a process that the code does not have."""
    if process.module is None:
        for name in process.env:
            if name.startswith("MORROW_"):
                yield f"{process.name}: {name} means nothing to {process.image}"
        return
    arguments = process.argv[3:]
    yield from (f"{process.name}: {problem}" for problem in command_problems(process.module, arguments))
    if not settings_of(process.module):
        return
    known = variables_of(process.module).keys() | OTHERS
    given_in = [arguments[at + 1] for at, word in enumerate(arguments[:-1]) if word == "--given-in"]
    for name in process.env.keys() - known - set(given_in):
        yield f"{process.name}: {process.module} reads no {name}"
    for name in set(given_in) - process.env.keys():
        yield f"{process.name}: --given-in {name}, but there is no such variable"


def unanswered(process: Process, all_of: Sequence[Process], services: Mapping[str, Mapping[int, int]]) -> Iterator[str]:
    """URLs of a process without a listener. `services` maps a name to its ports, each with the port of its pods.

    Names with a dot are outside of the deployment; POD_IP is the pod's own address.
    """
    pod = [other for other in all_of if other.pod == process.pod]
    for host, port in process.urls():
        if "." in host and host != LOOPBACK:
            continue
        own = {number: address for other in pod for number, address in other.listens().items()}
        if host == LOOPBACK:
            if port not in own:
                yield f"{process.name}: nothing listens on port {port} beside it"
        elif host == "$(POD_IP)":
            if own.get(port, LOOPBACK) == LOOPBACK:
                yield f"{process.name}: nothing in its pod is open to others on port {port}"
        elif port not in services.get(host, {}):
            yield f"{process.name}: {host} answers no port {port}"
