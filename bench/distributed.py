"""A distributed backfill over hosts that share only a network, with two coordinators, one of which is killed.

`python bench/distributed.py` needs root for network namespaces, one per host; without root, loopback addresses stand in
for hosts. Postgres, Valkey and an S3 server run from their wheels on their own host, over TCP. Two hosts have an engine
with syncer and inference worker, two an evaluator, one the trainer; each process has only its own settings. One
coordinator is killed after the first update. The run must still have one policy per day, one result per step and a
chain of checkpoints, and a forecast by the last checkpoint.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import fsspec

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench.distributing.checks import check_environments, check_results, metric
from bench.distributing.hosts import ROOT, Host, hosts
from bench.distributing.parts import (
    BUCKET,
    Known,
    answers,
    make_token,
    start_coordinator,
    start_evaluator,
    start_inference,
    start_trainer,
)
from bench.distributing.servers import start_servers
from services.cli.client import Client

NAMES = ("servers", "coordinator-a", "coordinator-b", "engine-1", "engine-2", "evaluator-1", "evaluator-2", "trainer")
RUN = "distributed"
Json = dict[str, Any]


@dataclass(frozen=True)
class Size:
    """The size of the run. `patience` is the timeout of each wait in seconds."""

    days: int = 3
    headlines: int = 2
    rollouts: int = 4
    tokens: int = 48
    patience: float = 300.0


class Bench:
    """The hosts, the base model and the size of the run; `seconds` holds the duration of each phase."""

    def __init__(self, made: dict[str, Host], model: Path, size: Size) -> None:
        self.hosts, self.model, self.size = made, model, size
        self.seconds: dict[str, float] = {}
        self.began = time.monotonic()

    def wait(self, happened: Callable[[], Any], what: str) -> Any:
        """Poll `happened` until its result is truthy and return it; exits with the ends of all logs at the timeout."""
        deadline = time.monotonic() + self.size.patience
        while not (found := happened()):
            if time.monotonic() > deadline:
                raise SystemExit(f"timeout waiting for {what}\n{self.logs()}")
            time.sleep(0.1)
        return found

    def logs(self) -> str:
        """The ends of all logs."""
        started = [(host, process) for host in self.hosts.values() for process in host.processes]
        return "\n".join(f"== {h.name} {p.name}\n{p.log.read_text('utf8', 'replace')[-1500:]}" for h, p in started)

    def took(self, what: str) -> None:
        """Record the seconds since the previous phase."""
        now = time.monotonic()
        self.seconds[what], self.began = round(now - self.began, 1), now

    def start(self) -> tuple[Known, Client]:
        """Start all processes and wait until they are ready; returns a client of the second coordinator."""
        servers = start_servers(self.hosts["servers"])
        files = fsspec.filesystem(
            "s3", key="morrow", secret=servers.aws["AWS_SECRET_ACCESS_KEY"], endpoint_url=servers.s3_url
        )
        self.wait(answers(f"{servers.s3_url}/moto-api/"), "the S3 server")
        files.mkdir(BUCKET)
        one, other = self.hosts["coordinator-a"], self.hosts["coordinator-b"]
        known = Known(servers, (f"http://{one.address}:8700", f"http://{other.address}:8700"), self.model)
        self.wait(lambda: _listens(servers.database_url), "Postgres")
        for host in (one, other):
            start_coordinator(host, known)
        self.wait(lambda: all(answers(f"{url}/readyz")() for url in known.coordinators), "the coordinators")
        self.took("servers and coordinators")
        known = replace(known, token=make_token(one, servers.database_url, "workers", "worker"))
        operator = make_token(other, servers.database_url, "operator", "operate")
        self._start_workers(known)
        self.took("workers")
        return known, Client.at(known.coordinators[1], "is it running?", operator)

    def _start_workers(self, known: Known) -> None:
        processes = []
        for number in (0, 1):
            processes += start_inference(self.hosts[f"engine-{number + 1}"], known, number)
            processes += start_evaluator(self.hosts[f"evaluator-{number + 1}"], known, number)
        processes += start_trainer(self.hosts["trainer"], known, 0)
        workers = [process for process in processes if process.name in {"inference", "evaluator", "trainer"}]
        self.wait(lambda: all(worker.says(" ready.") for worker in workers), "the workers")
        syncers = [f"http://{self.hosts[f'engine-{n}'].address}:8702/readyz" for n in (1, 2)]
        self.wait(lambda: all(answers(url)() for url in syncers), "the engines")

    def backfill(self, client: Client) -> None:
        """Start a backfill of the sample corpus with the `morrow` command."""
        size = self.size
        own = {"MORROW_URL": str(client.http.base_url), "MORROW_TOKEN": client.http.headers["authorization"].split()[1]}
        environment = self.hosts["servers"].environment(own)

        def morrow(*words: str) -> None:
            done = subprocess.run(
                (sys.executable, "-m", "services.cli.main", *words), env=environment, capture_output=True, text=True,
                cwd=ROOT, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr

        morrow("corpus", "import", str(ROOT / "services/cli/sample_corpus"), "--name", "sample")
        dates = [day["date"] for day in client.items("/v1/corpora/sample/days")]
        settings = {"rollouts": size.rollouts, "max_tokens": size.tokens, "retries": 1, "generate_chunk": 1}
        flags = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
        period = ("--from", dates[0], "--to", dates[size.days - 1], "--headlines", str(size.headlines))
        morrow("backfill", "--corpus", "sample", "--run", RUN, *period, *flags)

    def kill_a_coordinator(self, client: Client) -> None:
        """Send SIGKILL to the first coordinator once an update is done and another step is leased."""

        def in_the_middle() -> bool:
            steps = list(client.items(f"/v1/backfills/{RUN}/steps"))
            trained = any(step["kind"] == "train" and step["state"] == "done" for step in steps)
            return trained and any(step["state"] == "leased" for step in steps)

        self.wait(in_the_middle, "the middle of the run")
        (victim,) = self.hosts["coordinator-a"].processes
        victim.end(signal.SIGKILL)
        victim.popen.wait()

    def figures(self, client: Client) -> Json:
        """Check the results and the workers' metrics; returns the figures."""
        size = self.size
        made = check_results(client, RUN, size.days, size.headlines, size.rollouts)
        engines = [self.hosts["engine-1"], self.hosts["engine-2"]]
        counted = sum(metric(host, "morrow_rollouts_total") for host in engines)
        assert counted == made["rollouts"], f"workers counted {counted} rollouts"
        newest = made["checkpoints"][-1]

        def forecast() -> Json | None:
            response = client.post("/v1/forecast", {"headline": "Oil falls as supply returns"})
            return response if response["policy"] == newest else None

        answer = self.wait(forecast, "a forecast by the newest checkpoint")
        return made | {"forecast by": answer["policy"], "forecast seconds": round(answer["seconds"], 2)}


def _listens(database_url: str) -> bool:
    import psycopg

    try:
        psycopg.connect(database_url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def run(model: Path, size: Size, root: Path) -> Json:
    """Run the benchmark; raises AssertionError for a wrong result and SystemExit for a timeout."""
    with hosts(NAMES, root) as made:
        bench = Bench(made, model, size)
        known, client = bench.start()
        bench.backfill(client)
        bench.kill_a_coordinator(client)
        environments = check_environments(made.values(), known.servers.database_url)
        bench.took("until the kill of a coordinator")
        ended = bench.wait(lambda: _state(client) in {"completed", "failed"} and _state(client), "the end of the run")
        assert ended == "completed", bench.logs()
        bench.took("from the kill until the end")
        kind = "network namespaces" if made["trainer"].namespace else "loopback addresses"
        return {"hosts": kind, "processes checked": environments} | bench.figures(client) | {"seconds": bench.seconds}


def _state(client: Client) -> str:
    return str(client.get(f"/v1/backfills/{RUN}")["state"])


def main() -> None:
    """Run the benchmark and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="folder of the base model; default: the embedded SmolLM2")
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--headlines", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=48)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="morrow-hosts-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # Postgres runs under another account
        model = options.model
        if model is None:
            from services.inference.embedded_model import embedded_model

            model = embedded_model(Path(folder) / "model")
        size = Size(options.days, options.headlines, tokens=options.tokens)
        print(json.dumps(run(model.resolve(), size, Path(folder)), indent=1, default=sorted))


if __name__ == "__main__":
    main()
