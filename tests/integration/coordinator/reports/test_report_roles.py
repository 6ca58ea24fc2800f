"""Panel days and warm starts, which a report shows apart from the chain."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from services.coordinator.database import Sessions
from services.coordinator.models import Day, Evaluation, Group, Headline, Rollout, Run, Step
from tests import factories
from tests.fakes import FakeWorker

SETTLED = {"prob": 0.75, "happened": True, "brier": 0.0625, "log_loss": 0.2877}


@pytest.fixture
def done(client: TestClient, sessions: Sessions, worker: FakeWorker) -> Sessions:
    """The database after a run of two days."""
    factories.make_corpus(sessions, dates=3, per_day=2)
    body = {"name": "RUN", "corpus": "sample", "config": {"rollouts": 2}}
    assert client.post("/v1/backfills", json=body).status_code == 201
    worker.do_all("RUN")
    return sessions


def add_day(session: Session, date: dt.date, role: str, policy_day: int | None, **score: Any) -> None:
    """A scored day with a group of two rollouts on each of two headlines."""
    run = session.scalars(select(Run)).one()
    headlines = session.scalars(select(Headline).order_by(Headline.id).limit(2)).all()
    position = -1 if role == "warm_start" else None
    day = Day(run_id=run.id, date=date, role=role, position=position, policy_day_id=policy_day, profile="default")
    day.headline_ids, day.state = [headline.id for headline in headlines], "scored"
    session.add(day)
    session.flush()
    step = Step(day_id=day.id, kind="evaluate", chunk=0, items=[], state="done", seconds=1.0, figures={})
    session.add(step)
    session.flush()
    for position, headline in enumerate(headlines):
        of_group = {"headline": headline.text, "published_at": headline.published_at, "position": position}
        group = Group(day_id=day.id, headline_id=headline.id, prompt_text="", prompt_token_ids=[], **of_group)
        session.add(group)
        session.flush()
        for index in range(2):
            _add_rollout(session, group, index, step, score)


def _add_rollout(session: Session, group: Group, index: int, step: Step, score: dict[str, Any]) -> None:
    columns: dict[str, Any] = {"arm": "free", "rung": "free", "attempts": 1, "raw_strict": score.get("valid", False)}
    columns |= {"raw_text": "x", "text": f"rates {index}", "token_ids": [1], "logprobs": [0.0], "forced": [0]}
    columns |= {"finish_reason": "stop", "policy": "base", "profile": "default", "temperature": 0.7, "seed": 1}
    rollout = session.scalars(
        insert(Rollout).returning(Rollout), [{"group_id": group.id, "index": index} | columns]
    ).one()
    record = factories.make_evaluation(rollout.id, **score).model_dump(mode="json")
    session.execute(insert(Evaluation), [record | {"step_id": step.id}])


def report(client: TestClient) -> Any:
    return client.get("/v1/backfills/RUN/report").json()


def test_panel_has_a_table_of_its_own_and_changes_no_figure_of_the_chain(client: TestClient, done: Sessions) -> None:
    before = report(client)
    with done.begin() as session:
        first = session.scalars(select(Day).order_by(Day.date)).first()
        assert first is not None
        add_day(session, factories.day(-1), "panel", None, composite=0.1)
        add_day(session, factories.day(0), "panel", first.id, valid=True, verdict="strict", composite=0.6)
    after = report(client)
    for name in ("days", "totals", "averages", "look_ahead", "position_bias", "warnings"):
        assert after[name] == before[name], name
    base, trained = after["panel"]
    assert (base["policy"], base["updates"], base["raw_validity"], base["valid_lines"]["count"]) == ("base", 0, 0.0, 0)
    assert trained["policy"] == before["days"][0]["checkpoint"]
    assert (trained["updates"], trained["headlines"], trained["rollouts"], trained["raw_validity"]) == (1, 2, 4, 1.0)
    assert trained["valid_lines"]["composite"] == pytest.approx(0.6)
    gain = after["panel_gain"]
    assert gain["differences"]["raw_validity"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert gain["differences"]["composite"] is None, "the base has no valid line"
    assert [trend["last"] for trend in after["trends"] if trend["figure"] == "panel_raw_validity"] == [1.0]
    text = client.get("/v1/backfills/RUN/report?format=md").text
    assert f"| {trained['policy']} | scored | 1 | 4 | 1.0000 | 4 | 0.6000 |" in text


def test_warm_start_is_reported_apart_from_the_chain(client: TestClient, done: Sessions) -> None:
    before = report(client)
    with done.begin() as session:
        add_day(session, factories.day(-2), "warm_start", None, valid=True)
    after = report(client)
    assert after["days"] == before["days"]
    assert before["warm_start"] is None
    assert (after["warm_start"]["rollouts"], after["warm_start"]["valid_lines"]["count"]) == (4, 4)
    assert (
        "Warm start, no day of the chain: scored, 2 headlines" in client.get("/v1/backfills/RUN/report?format=md").text
    )


def test_failure_of_a_panel_day_names_its_role(client: TestClient, done: Sessions) -> None:
    with done.begin() as session:
        add_day(session, factories.day(0), "panel", None)
        session.execute(update(Day).where(Day.role == "panel").values(state="failed", reason="no engine"))
    (failure,) = report(client)["failures"]
    assert (failure["role"], failure["reason"], failure["kind"]) == ("panel", "no engine", None)
    assert "- 20250818 (panel): no engine" in client.get("/v1/backfills/RUN/report?format=md").text


def test_run_with_prices_has_the_reliability_of_its_settled_claims(client: TestClient, done: Sessions) -> None:
    assert report(client)["reliability"] is None
    with done.begin() as session:
        run = session.scalars(select(Run)).one()
        run.config = run.config.model_copy(update={"prices": "closes"})
        session.execute(update(Evaluation).values(settlement=SETTLED))
    found = report(client)["reliability"]
    assert (found["settled"], found["unsettled"], found["pending"], found["brier"]) == (8, 0, 0, 0.0625)
    assert [(one["low"], one["count"]) for one in found["bins"] if one["count"]] == [(0.7, 8)]
    assert found["calibration_error"] == 0.25


def test_ranker_statistics_are_combined_over_its_steps(client: TestClient, done: Sessions) -> None:
    with done.begin() as session:
        for place, step in enumerate(session.scalars(select(Step).where(Step.kind == "evaluate").order_by(Step.id))):
            statistics = {"comparisons": 10 + 20 * place, "first_option": 0.5 + 0.1 * place}
            step.figures = step.figures | {"figures": statistics}
    assert report(client)["ranker"] == {"comparisons": 40, "first_option": pytest.approx(0.575)}


def test_panel_lists_its_policies_in_order_and_its_headlines_are_not_flagged(
    client: TestClient, sessions: Sessions, worker: FakeWorker
) -> None:
    corpus = factories.make_corpus(sessions, dates=6, per_day=2)
    factories.make_panel(sessions, corpus, [factories.day(2), factories.day(3)])
    config = {"rollouts": 2, "panel": "held-out", "panel_rollouts": 2, "warm_start": 2}
    body = {"name": "RUN", "corpus": "sample", "from": "20250819", "to": "20250821", "config": config}
    assert client.post("/v1/backfills", json=body).status_code == 201
    worker.do_all("RUN")
    found = report(client)
    assert [day["date"] for day in found["days"]] == ["2025-08-19", "2025-08-20", "2025-08-21"]
    checkpoints = [found["warm_start"]["checkpoint"], *(day["checkpoint"] for day in found["days"])]
    assert [policy["policy"] for policy in found["panel"]] == ["base", *checkpoints]
    assert [policy["updates"] for policy in found["panel"]] == [0, 1, 2, 3, 4]
    assert found["panel_gain"]["policy"] == checkpoints[-1]
    assert found["flags"] == []
    assert found["days"][1]["left_out"] == {"panel": 1}
