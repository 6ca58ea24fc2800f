"""A backfill end to end with real servers, model and processes, all of which are killed once."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.e2e.machine import Machine

SAMPLE = Path(__file__).parents[2] / "services" / "cli" / "sample_corpus"
DAYS, ROLLOUTS = 3, 4


def start_run(machine: Machine, run: str) -> None:
    machine.morrow("corpus", "import", str(SAMPLE), "--name", "sample")
    dates = [day["date"] for day in machine.items("/v1/corpora/sample/days")]
    settings = [f"rollouts={ROLLOUTS}", "max_tokens=64", "retries=1"]
    flags = [word for setting in settings for word in ("--set", setting)]
    machine.morrow(
        "backfill",
        "--corpus",
        "sample",
        "--run",
        run,
        "--from",
        dates[0],
        "--to",
        dates[DAYS - 1],
        "--headlines",
        "1",
        *flags,
    )


def kill_parts(machine: Machine, run: str) -> None:
    """Kill every part once during a step of its kind, and restart the whole stack in mid-run."""
    machine.wait_for_step(run, "generate", "leased")
    machine.kill("engine")
    machine.wait_for_step(run, "generate", "leased")
    machine.kill("inference")
    machine.wait_for_step(run, "evaluate", "queued", "leased", "done")
    machine.kill("evaluator")
    machine.wait_for_step(run, "train", "leased")
    machine.kill("trainer")
    machine.kill("coordinator")
    machine.wait_for_step(run, "train", "done")
    assert machine.morrow("down") == "the stack is down\n"
    assert machine.processes() == []
    machine.morrow("up", "--detach")


def check_results(machine: Machine, run: str) -> None:
    """Assert one checkpoint per day, one policy and one evaluation per rollout, and a chain of parents."""
    days = machine.items(f"/v1/backfills/{run}/days")
    assert [day["state"] for day in days] == ["published"] * DAYS
    rollouts = machine.items(f"/v1/backfills/{run}/rollouts")
    assert len(rollouts) == len({(r["group_id"], r["index"]) for r in rollouts}) == DAYS * ROLLOUTS
    assert [{r["policy"] for r in rollouts if r["date"] == day["date"]} for day in days] == [
        {"base"},
        {"base"},
        {days[0]["checkpoint"]},
    ]
    evaluations = machine.items(f"/v1/backfills/{run}/evaluations")
    assert sorted(e["rollout_id"] for e in evaluations) == sorted(r["id"] for r in rollouts)
    checkpoints = machine.items(f"/v1/backfills/{run}/checkpoints")
    assert [c["parent"] for c in checkpoints] == [None, *(c["id"] for c in checkpoints[:-1])]
    assert len({c["id"] for c in checkpoints}) == DAYS
    steps = machine.items(f"/v1/backfills/{run}/steps")
    assert {step["state"] for step in steps} == {"done"}
    assert sum(step["attempt"] for step in steps) > len(steps), "no attempt was lost to a kill"


def check_round_trip(machine: Machine, run: str, folder: Path) -> None:
    """Assert that the exported run can be imported as another run with the same rollouts."""
    report = json.loads(machine.morrow("report", run, "--format", "json"))
    assert [day["rollouts"] for day in report["days"]] == [ROLLOUTS] * DAYS
    assert report["look_ahead"] == 0
    machine.morrow("export", run, str(folder))
    assert len(list((folder / f"timestamped_storage_{run}").glob("*_evaluations.csv"))) == DAYS
    weights = (folder / "training" / "checkpoints" / f"gspo_{run}").glob("final_model*/adapter_model.safetensors")
    assert len(list(weights)) == DAYS + 1
    machine.morrow("run", "import", str(folder), "--name", f"{run}-again")
    again = json.loads(machine.morrow("report", f"{run}-again", "--format", "json"))
    assert [day["rollouts"] for day in again["days"]] == [ROLLOUTS] * DAYS


@pytest.mark.timeout(900)
def test_backfill_survives_a_kill_of_every_part_and_a_restart_of_the_stack(machine: Machine, tmp_path: Path) -> None:
    machine.morrow("up", "--detach")
    assert "already up" in machine.morrow("up", "--detach")
    start_run(machine, "R")
    kill_parts(machine, "R")
    machine.wait_for(lambda: machine.get("/v1/backfills/R")["state"] in ("completed", "failed"), "the end of the run")
    check_results(machine, "R")
    check_round_trip(machine, "R", tmp_path / "export")
    os.kill(machine.state()["pid"], signal.SIGKILL)
    machine.wait_for(lambda: not machine.processes(), "the parts of a killed supervisor to end")
    machine.morrow("down")
    assert not (machine.home / "stack.json").exists()
