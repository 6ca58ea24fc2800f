"""`make compose-check`: checks the Compose file by Compose, the Dockerfile by hadolint, and both against the code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.checks.code import ROOT
from deploy.checks.processes import Process, problems, unanswered
from deploy.checks.tools import CheckError, tool

PROFILES = ("cpu", "gpu")
Services = dict[str, dict[str, Any]]


def wanted_variables(root: Path = ROOT) -> list[str]:
    """The variables that deploy/compose.env tells of."""
    return re.findall(r"^([A-Z_]+)=", (root / "deploy" / "compose.env").read_text("utf8"), re.MULTILINE)


def configuration(profile: str, root: Path = ROOT) -> Services:
    """The services of a profile as Compose understands them; raises CheckError with what it says.

    Each variable of deploy/compose.env is given a value, and no other.
    """
    given = {name: "x" for name in wanted_variables(root) if name not in {"COMPOSE_PROFILES", "TORCH_INDEX_URL"}}
    command = [tool("docker-compose"), "--file", str(root / "docker-compose.yml"), "--env-file", os.devnull]
    done = subprocess.run(
        [*command, "--profile", profile, "config", "--format", "json"],
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **given},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or "level=warning" in done.stderr:
        raise CheckError(f"docker-compose.yml: {done.stderr.strip()}")
    services: Services = json.loads(done.stdout)["services"]
    return services


def lint(root: Path = ROOT) -> Iterator[str]:
    """What hadolint says of the Dockerfile."""
    config = ["--config", str(root / ".hadolint.yaml"), "--no-color"]
    done = subprocess.run(
        [tool("hadolint"), *config, str(root / "Dockerfile")], capture_output=True, text=True, check=False
    )
    yield from (done.stdout + done.stderr).splitlines()


def processes(services: Services) -> list[Process]:
    """The services as processes; those in one network namespace share a pod."""
    return [
        Process(
            name,
            network.removeprefix("service:")
            if (network := one.get("network_mode", "")).startswith("service:")
            else name,
            one.get("image", ""),
            (*(one.get("entrypoint") or []), *(one.get("command") or [])),
            one.get("environment") or {},
            tuple(one.get("healthcheck", {}).get("test") or []),
        )
        for name, one in services.items()
    ]


def answers(services: Services) -> dict[str, dict[int, int]]:
    """Names on the network with the ports that are open to others there."""
    found: dict[str, dict[int, int]] = {}
    for process in processes(services):
        aliases = [
            alias
            for network in (services[process.pod].get("networks") or {}).values()
            for alias in (network or {}).get("aliases") or []
        ]
        open_ports = {port: port for port, host in process.listens().items() if host != "127.0.0.1"}
        for name in (process.pod, *aliases):
            found.setdefault(name, {}).update(open_ports)
    return found


def separated(services: Services) -> Iterator[str]:
    """Processes that are told the address of a service which no network of theirs has."""
    known: dict[str, set[str]] = {}
    for name, one in services.items():
        for network, details in (one.get("networks") or {}).items():
            for called in (name, *((details or {}).get("aliases") or [])):
                known.setdefault(called, set()).add(network)
    for process in processes(services):
        for host in sorted({host for host, _ in process.urls()} & known.keys()):
            if not known[host] & known.get(process.pod, set()):
                yield f"{process.name}: it shares no network with {host}"


def service_problems(services: Services, root: Path = ROOT) -> Iterator[str]:
    """What the services name that is not there, and what they lack."""
    every, reachable, targets = processes(services), answers(services), stages(root)
    for process in every:
        yield from problems(process)
        yield from unanswered(process, every, reachable)
    yield from separated(services)
    for name, one in services.items():
        target = one.get("build", {}).get("target")
        if target and target not in targets:
            yield f"{name}: the Dockerfile has no target {target}"
        if one.get("restart") != "no" and not one.get("healthcheck"):
            yield f"{name}: it has no health check"
        if (
            one.get("cap_drop") != ["ALL"]
            or not one.get("read_only")
            or str(one.get("user", "0")).startswith(("0", "root"))
        ):
            yield f"{name}: it is not guarded: a user that is not root, read_only, cap_drop ALL"
        for port in one.get("ports", []):
            if port["target"] not in reachable.get(name, {}):
                yield f"{name}: it publishes port {port['target']}, where nothing listens"
            if port.get("host_ip") != "127.0.0.1":
                yield f"{name}: port {port['target']} is published beyond this machine"


def stages(root: Path = ROOT) -> dict[str, str]:
    """The stages of the Dockerfile, each with its text."""
    parts = re.split(r"^FROM \S+ AS (\S+)$", (root / "Dockerfile").read_text("utf8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def image_problems(root: Path = ROOT) -> Iterator[str]:
    """What the images' commands and variables name that the code does not have."""
    every = stages(root)
    for stage, text in every.items():
        for source, path in re.findall(r"^COPY --from=(\S+) (\S+)", text, re.MULTILINE):
            if f"chmod --recursive a+rX {path}" not in every.get(source, ""):
                yield f"Dockerfile {stage}: {path} of {source} may be unreadable to another user than root"
        command = re.search(r"^CMD (\[.*\])$", text, re.MULTILINE)
        if command is None:
            continue
        argv = tuple(json.loads(command[1]))
        env = dict(re.findall(r"(MORROW_\w+)=(\S+)", "".join(re.findall(r"^ENV .*$", text, re.MULTILINE))))
        process = Process(f"Dockerfile {stage}", stage, stage, argv, env if argv[0] == "python" else {})
        yield from problems(process)
        opened = {int(port) for port in re.findall(r"^EXPOSE (\d+)$", text, re.MULTILINE)}
        checked = {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", text)}
        for port in (opened | checked) - process.listens().keys():
            yield f"Dockerfile {stage}: nothing listens on port {port}"
        if "USER 10001:10001" not in text:
            yield f"Dockerfile {stage}: it runs as root"


def found(root: Path = ROOT) -> Iterator[str]:
    """All problems of the Compose file and the Dockerfile."""
    yield from lint(root)
    yield from image_problems(root)
    for profile in PROFILES:
        try:
            services = configuration(profile, root)
        except CheckError as error:
            yield str(error)
        else:
            yield from (f"{profile}: {problem}" for problem in service_problems(services, root))


def main() -> int:
    """Print the problems; returns 1 if there are any."""
    every = list(found(Path(sys.argv[1]) if sys.argv[1:] else ROOT))
    print(f"docker-compose.yml and Dockerfile: {len(every)} problems", *every, sep="\n  ")
    return 1 if every else 0


if __name__ == "__main__":
    sys.exit(main())
