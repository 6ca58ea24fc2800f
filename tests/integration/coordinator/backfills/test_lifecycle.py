"""A whole run on a real database, driven by a worker with made-up results."""

from __future__ import annotations

import datetime as dt

from services.coordinator.database import Sessions
from shared.wire import GenerateTask, TrainTask
from tests.factories import day, generated, make_corpus
from tests.fakes import FakeWorker
from tests.integration.coordinator.conftest import Get, Sql, Start


def test_a_run_of_four_days_ends_with_every_day_published(
    get: Get, sessions: Sessions, worker: FakeWorker, start: Start
) -> None:
    make_corpus(sessions, dates=5, per_day=3)
    begun = start(last=day(3), generate_chunk=2, evaluate_chunk=2)
    assert begun["progress"] == {"steps_done": 0, "steps_total": 20, "fraction": 0.0, "eta_seconds": None}
    assert worker.do_all("RUN") == 4 * (2 + 2 + 1)
    run = get("/backfills/RUN")
    assert run["state"] == "completed"
    assert run["days"] == {"published": 4}
    assert run["steps"] == {"generate": {"done": 8}, "evaluate": {"done": 8}, "train": {"done": 4}}
    assert run["progress"] == {"steps_done": 20, "steps_total": 20, "fraction": 1.0, "eta_seconds": None}
    assert len(get("/backfills/RUN/rollouts?limit=1000")) == 4 * 3 * 2
    assert len(get("/backfills/RUN/evaluations?limit=1000")) == 4 * 3 * 2
    checkpoints = get("/backfills/RUN/checkpoints")
    assert [found["parent"] for found in checkpoints] == [None, *(found["id"] for found in checkpoints[:-1])]


def test_the_policy_of_day_three_is_the_checkpoint_of_day_one(
    get: Get, sessions: Sessions, worker: FakeWorker, start: Start
) -> None:
    make_corpus(sessions, dates=5)
    start(last=day(3))
    worker.do_all("RUN")
    checkpoints = [found["id"] for found in get("/backfills/RUN/checkpoints")]
    days = get("/backfills/RUN/days")
    assert [found["policy"] for found in days] == ["base", "base", checkpoints[0], checkpoints[1]]
    for found in days:
        assert {r["policy"] for r in get(f"/backfills/RUN/rollouts?date={found['date']}")} == {found["policy"]}
    assert [task.policy_lag for task in worker.tasks if isinstance(task, TrainTask)] == [0, 1, 1, 1]


def test_days_overlap_as_far_as_the_lag_allows(sessions: Sessions, worker: FakeWorker, start: Start) -> None:
    make_corpus(sessions, dates=5)
    start(last=day(3))
    tasks = [worker.take(step_id) for step_id in worker.queued("RUN")]
    assert [(task.kind, task.date) for task in tasks] == [("generate", day(0)), ("generate", day(1))]


def test_a_run_without_training_samples_every_day_from_the_base(
    get: Get, sessions: Sessions, worker: FakeWorker, start: Start
) -> None:
    make_corpus(sessions, dates=5)
    start(last=day(3), train=False, max_parallel_days=3)
    assert len(worker.queued("RUN")) == 3
    worker.do_all("RUN")
    assert get("/backfills/RUN")["days"] == {"scored": 4}
    assert {task.policy.name for task in worker.tasks if isinstance(task, GenerateTask)} == {"base"}


def test_train_task_carries_the_stored_rollouts_and_rewards(
    sessions: Sessions, worker: FakeWorker, start: Start, sql: Sql
) -> None:
    make_corpus(sessions, dates=2, per_day=2)
    start(last=day(0), rollouts=3)
    worker.do_all("RUN")
    [task] = [task for task in worker.tasks if isinstance(task, TrainTask)]
    assert [len(group.rollouts) for group in task.groups] == [3, 3]
    assert task.groups[0].prompt_token_ids == [1, 2, 3]
    assert [r.token_ids for r in task.groups[0].rollouts] == [[7, 8], [7, 9], [7, 10]]
    assert task.groups[0].rollouts[0].forced == [False, True]
    stored = dict(sql("select rollout_id, reward from evaluations"))
    assert {r.rollout_id: r.reward for group in task.groups for r in group.rollouts} == stored


def test_aliases_follow_the_newest_checkpoint(get: Get, sessions: Sessions, worker: FakeWorker, start: Start) -> None:
    make_corpus(sessions, dates=3)
    start(last=day(1))
    worker.do_all("RUN")
    first, second = (found["id"] for found in get("/backfills/RUN/checkpoints"))
    assert {(a["scope"], a["name"]): a["checkpoint"] for a in get("/aliases")} == {
        ("", "served"): second,
        ("", "previous"): first,
        ("RUN", "final_model"): second,
        ("RUN", "final_model_20250818"): first,
        ("RUN", "final_model_20250819"): second,
    }
    assert get("/backfills/RUN")["served"] == second
    serving = get("/serving")
    assert (serving["served"], serving["previous"]) == (second, first)
    assert {ref["id"] for ref in serving["checkpoints"]} == {first, second}


def test_serving_lists_the_policy_of_every_day_that_samples(
    get: Get, sessions: Sessions, worker: FakeWorker, start: Start, sql: Sql
) -> None:
    make_corpus(sessions, dates=5)
    start(last=day(3))
    while len(get("/backfills/RUN/checkpoints")) < 1:
        worker.do(worker.queued("RUN")[0])
    sql("delete from aliases")
    [first] = get("/backfills/RUN/checkpoints")
    assert get("/serving") == {
        "served": None,
        "previous": None,
        "served_since": None,
        "checkpoints": [{name: first[name] for name in ("id", "uri", "sha256")}],
    }


def appear(sql: Sql, date: dt.date, at: str, position: int | None = None) -> None:
    """Give headlines of a date, or the one at a position, another time of publication."""
    which = "where date = :date and (position = :position or cast(:position as int) is null)"
    sql(f"update headlines set published_at = :at {which}", date=date, at=at, position=position)  # noqa: S608 - ours


def test_headlines_older_than_the_policys_training_data_are_left_out(
    get: Get, sessions: Sessions, worker: FakeWorker, start: Start, sql: Sql
) -> None:
    make_corpus(sessions, dates=5, per_day=3)
    # The outcomes of day 0 are those of day 1, the last of which appears at 09:02; day 2's first one appears before it.
    appear(sql, day(2), f"{day(1)} 09:01Z", position=0)
    start(last=day(3))
    worker.do_all("RUN")
    assert [(found["headlines"], found["left_out"]) for found in get("/backfills/RUN/days")] == [
        (3, {}),
        (3, {}),
        (2, {"look_ahead": 1}),
        (3, {}),
    ]


def test_day_without_headlines_left_is_dropped_and_the_chain_relinked(
    get: Get, sessions: Sessions, worker: FakeWorker, start: Start, sql: Sql
) -> None:
    make_corpus(sessions, dates=6, per_day=2)
    appear(sql, day(2), f"{day(1)} 08:00Z")
    start(last=day(4))
    worker.do_all("RUN")
    days = get("/backfills/RUN/days")
    assert [found["state"] for found in days] == ["published", "published", "skipped", "published", "published"]
    assert "has learned from" in days[2]["reason"]
    checkpoints = [found["id"] for found in get("/backfills/RUN/checkpoints")]
    assert [found["policy"] for found in days] == ["base", "base", None, checkpoints[0], checkpoints[1]]
    assert get("/backfills/RUN")["state"] == "completed"


def test_trained_until_is_the_newest_publication_of_the_whole_lineage(
    sessions: Sessions, worker: FakeWorker, start: Start, sql: Sql
) -> None:
    make_corpus(sessions, dates=3, per_day=2)
    appear(sql, day(1), f"{day(1)} 23:00Z", position=0)
    appear(sql, day(2), f"{day(1)} 22:00Z")
    start(last=day(1))
    worker.do_all("RUN")
    known = [row.trained_until.isoformat() for row in sql("select trained_until from checkpoints order by id")]
    assert known == ["2025-08-19T23:00:00+00:00"] * 2


def test_a_prompt_that_was_published_after_its_outcomes_counts_as_learned_from(
    sessions: Sessions, worker: FakeWorker, start: Start, sql: Sql
) -> None:
    make_corpus(sessions, dates=2, per_day=2, flags={day(0): "late"})
    appear(sql, day(0), f"{day(6)} 10:00Z", position=1)
    start(last=day(0), dates="warn")
    worker.do_all("RUN")
    [row] = sql("select trained_until from checkpoints")
    assert row.trained_until.isoformat() == "2025-08-24T10:00:00+00:00"


def test_a_day_of_false_dates_is_skipped_under_enforce_and_used_under_warn(
    get: Get, sessions: Sessions, worker: FakeWorker, start: Start
) -> None:
    make_corpus(sessions, dates=4, flags={day(1): "late"})
    start("ENFORCED", last=day(2))
    warned = start("WARNED", last=day(2), dates="warn")
    assert warned["warnings"] == ["dates is warn: 3 headlines with false dates are used, so forecasts may look ahead"]
    for name in ("ENFORCED", "WARNED"):
        worker.do_all(name)
    enforced = get("/backfills/ENFORCED/days")
    assert [found["state"] for found in enforced] == ["published", "skipped", "published"]
    assert enforced[0]["outcome_date"] == str(day(2))
    assert enforced[1]["left_out"] == {"late": 3}
    assert enforced[1]["reason"].startswith("no headline has a sound date (3 late)")
    assert get("/backfills/WARNED")["days"] == {"published": 3}
    assert get("/backfills/WARNED/days")[0]["outcome_date"] == str(day(1))


def test_the_first_headlines_in_order_are_used(sessions: Sessions, worker: FakeWorker, start: Start) -> None:
    make_corpus(sessions, dates=2, per_day=5)
    start(last=day(0), headlines=2)
    [step_id] = worker.queued("RUN")
    task = worker.take(step_id)
    assert isinstance(task, GenerateTask)
    assert [headline.text for headline in task.headlines] == [f"headline {n} of {day(0)}" for n in (0, 1)]


def test_nul_is_stored_as_the_replacement_character(
    get: Get, sessions: Sessions, worker: FakeWorker, start: Start
) -> None:
    make_corpus(sessions, dates=2, per_day=1)
    start(last=day(0))
    task = worker.take(worker.queued("RUN")[0])
    assert isinstance(task, GenerateTask)
    assert worker.post(task, generated(task, text="a\0b"), log="c\0d").status_code == 200
    assert {r["text"] for r in get("/backfills/RUN/rollouts")} == {"a\ufffdb"}
