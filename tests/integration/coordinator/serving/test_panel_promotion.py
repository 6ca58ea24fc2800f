"""promote=panel: a checkpoint is served if the panel gate passes, and the figures of the verdict are stored."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.coordinator.checkpoints.aliases import serve
from services.coordinator.database import Sessions
from services.coordinator.serving.panel_promotions import decide_promotions
from shared.checkpoints import CheckpointStore
from shared.wire import CheckpointRef, EvaluateTask, GenerateResult, GenerateTask, Result, Task
from tests import factories
from tests.factories import day, make_corpus, make_panel
from tests.fakes import FakeWorker
from tests.integration.coordinator.conftest import Get, Sql, Start, UntilBlocked


class Panelist(FakeWorker):
    """A worker whose lines on the panel are as good as `strict` and `composite` say of its policy's place."""

    strict: tuple[float, ...] = (0.25, 0.75, 0.5)
    composite: tuple[float, ...] = (0.5, 0.5, 0.5)

    def place(self, task: Task) -> int:
        return (task.date - day(-1)).days

    def result(self, task: Task) -> Result:
        on_panel = task.config.rollouts == 4
        if on_panel and isinstance(task, GenerateTask):
            generated = factories.generated(task)
            share = self.strict[self.place(task)]
            groups = [
                group.model_copy(
                    update={
                        "rollouts": [
                            rollout.model_copy(update={"raw_strict": rollout.index < share * 4})
                            for rollout in group.rollouts
                        ]
                    }
                )
                for group in generated.groups
            ]
            return GenerateResult(**generated.model_dump(exclude={"groups"}), groups=groups)
        if on_panel and isinstance(task, EvaluateTask):
            return factories.evaluated(task, valid=True, validity=1.0, composite=self.composite[self.place(task)])
        return super().result(task)


@pytest.fixture
def worker(client: TestClient, sessions: Sessions, store: CheckpointStore) -> Panelist:
    """A worker whose lines get better with the first checkpoint and worse with the second."""
    return Panelist(client, sessions, store)


@pytest.fixture
def run(sessions: Sessions, start: Start, worker: Panelist, get: Get) -> list[str]:
    """The checkpoints of a run of two days that is scored on a panel; nothing is promoted yet."""
    make_panel(sessions, make_corpus(sessions, dates=4, per_day=2), [day(0), day(1)])
    start(last=day(1), promote="panel", panel="held-out", panel_rollouts=4)
    worker.do_all("RUN")
    assert get("/serving")["served"] is None
    return [found["id"] for found in get("/backfills/RUN/checkpoints")]


def decisions(get: Get) -> list[Any]:
    return [found["decisions"].get("promote") for found in get("/backfills/RUN/days?role=panel")]


def test_a_checkpoint_no_worse_than_the_base_is_served_and_a_worse_one_is_not(
    run: list[str], sessions: Sessions, store: CheckpointStore, get: Get, client: TestClient
) -> None:
    assert decide_promotions(sessions, store) == 2
    assert decide_promotions(sessions, store) == 0
    assert get("/serving")["served"] == run[0]
    base, first, second = decisions(get)
    assert base is None
    assert (first["value"], first["against"]) == (True, "base")
    assert first["figures"]["raw_validity"]["difference"] == pytest.approx(0.5)
    assert (second["value"], second["against"]) == (False, run[0])
    assert second["figures"]["raw_validity"]["difference"] == pytest.approx(-0.25)
    assert second["reason"].startswith("raw validity is worse: raw validity 0.500 against 0.750 (margin")
    kinds = [event["kind"] for event in get("/backfills/RUN/events")]
    assert (kinds.count("checkpoint.promoted"), kinds.count("checkpoint.held_back")) == (1, 1)
    reported = get("/backfills/RUN/report")["serving"]["decisions"]
    assert [(found["checkpoint"], found["promoted"]) for found in reported] == [(run[0], True), (run[1], False)]
    assert f"{run[1]} not promoted: raw validity is worse" in client.get("/v1/backfills/RUN/report?format=md").text


def test_a_corrupted_checkpoint_is_not_served_whatever_its_figures(
    run: list[str], sessions: Sessions, store: CheckpointStore, get: Get
) -> None:
    found = get(f"/checkpoints/{run[0]}")
    ref = CheckpointRef(**{name: found[name] for name in ("id", "uri", "sha256")})
    (store.path(ref) / "adapter_model.safetensors").write_bytes(b"something else")
    decide_promotions(sessions, store)
    assert decisions(get)[1]["value"] is False
    assert "missing or changed" in decisions(get)[1]["reason"]
    assert get("/serving")["served"] == run[1]


def test_a_checkpoint_is_not_compared_with_one_not_scored_on_the_panel(
    run: list[str], sessions: Sessions, store: CheckpointStore, get: Get, client: TestClient, sql: Sql
) -> None:
    sql("update checkpoints set day_id = (select id from days where role = 'panel' limit 1) where id = :id", id=run[0])
    client.post("/v1/serving", json={"checkpoint": run[0]})
    assert decide_promotions(sessions, store) == 1
    decided = decisions(get)[2]
    assert decided["value"] is False
    assert "is not scored on its panel" in decided["reason"]
    assert get("/serving")["served"] == run[0]


def test_an_earlier_checkpoint_does_not_replace_a_later_one(
    run: list[str], sessions: Sessions, store: CheckpointStore, get: Get, client: TestClient
) -> None:
    client.post("/v1/serving", json={"checkpoint": run[1]})
    assert decide_promotions(sessions, store) == 2
    assert [decided["value"] for decided in decisions(get)[1:]] == [False, True]
    assert "a later one of its run" in decisions(get)[1]["reason"]
    assert get("/serving")["served"] == run[1]


def test_a_decision_against_what_is_served_no_more_is_made_anew(
    run: list[str], sessions: Sessions, store: CheckpointStore, get: Get, until_blocked: UntilBlocked
) -> None:
    with ThreadPoolExecutor(1) as pool:
        with sessions.begin() as session:
            serve(session, run[1])
            deciding = pool.submit(decide_promotions, sessions, store, 1)
            until_blocked()
        assert deciding.result() == 0
    assert decisions(get)[1] is None
    assert decide_promotions(sessions, store) == 2
    assert "a later one of its run" in decisions(get)[1]["reason"]
    assert get("/serving")["served"] == run[1]


def test_a_run_that_promotes_by_its_panel_needs_one(sessions: Sessions, client: TestClient) -> None:
    make_corpus(sessions, dates=2, per_day=1)
    body = {"name": "RUN", "corpus": "sample", "config": {"promote": "panel"}}
    refused = client.post("/v1/backfills", json=body)
    assert refused.status_code == 422
    assert "promote: `panel` needs panel=NAME and train=true" in refused.json()["detail"]
