"""Runs with scored panel days and chain days, stored directly in the database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.coordinator.models import Checkpoint, Corpus, Day, Evaluation, Group, Headline, Rollout, Run, Step
from shared.run_config import RunConfig


def make_run(session: Session, name: str, corpus: str | None = "sample", **config: Any) -> Run:
    """A completed run over a corpus; without a corpus an imported run."""
    corpus_id = session.scalar(select(Corpus.id).where(Corpus.name == corpus))
    run = Run(
        name=name,
        kind="backfill" if corpus else "import",
        corpus_id=corpus_id,
        config=RunConfig(**config),
        config_hash="0" * 64,
        state="completed",
    )
    session.add(run)
    session.flush()
    return run


def add_day(session: Session, run: Run, date: dt.date, role: str = "chain", **values: Any) -> Day:
    """A day of a run; by default published, a panel's scored."""
    state = {"panel": "scored"}.get(role, "published")
    day = Day(
        **{"run_id": run.id, "date": date, "role": role, "headline_ids": [], "profile": "default", "state": state}
        | values
    )
    session.add(day)
    session.flush()
    return day


def publish(session: Session, run: Run, day: Day, trained_until: dt.datetime | None = None) -> Checkpoint:
    """The checkpoint of a day, with the id RUN-YYYYMMDD-abc."""
    checkpoint = Checkpoint(
        id=f"{run.name}-{day.date:%Y%m%d}-abc",
        run_id=run.id,
        day_id=day.id,
        fence=1,
        uri=f"{run.name}/{day.date:%Y%m%d}-abc",
        sha256="0" * 64,
        adapter="lora",
        base_model="tiny",
        files={},
        trained_until=trained_until,
        stats={},
    )
    session.add(checkpoint)
    session.flush()
    return checkpoint


def add_lines(
    session: Session,
    day: Day,
    headlines: Sequence[Headline],
    lines: Sequence[dict[str, Any]],
    policy: str = "base",
    *,
    linked: bool = True,
) -> None:
    """For each headline a group of these lines: fields of Rollout and Evaluation by name.

    An imported group is not `linked` to a headline: it only has its text.
    """
    step = Step(day_id=day.id, kind="evaluate", chunk=0, items=[], state="done")
    session.add(step)
    session.flush()
    for position, headline in enumerate(headlines):
        group = Group(
            day_id=day.id,
            headline_id=headline.id if linked else None,
            headline=headline.text,
            published_at=headline.published_at,
            position=position,
            prompt_text="prompt",
            prompt_token_ids=[1],
        )
        session.add(group)
        session.flush()
        for index, line in enumerate(lines):
            rollout = Rollout(group_id=group.id, index=index, policy=policy, **_part(Rollout, line))
            session.add(rollout)
            session.flush()
            session.add(Evaluation(rollout_id=rollout.id, step_id=step.id, **_part(Evaluation, line)))


LINE: dict[str, Any] = {
    "arm": "free",
    "rung": "free",
    "attempts": 1,
    "raw_text": "gold rises",
    "raw_strict": True,
    "text": "gold rises",
    "token_ids": [7, 8],
    "logprobs": [-0.5, -0.5],
    "forced": [0, 0],
    "finish_reason": "stop",
    "profile": "default",
    "temperature": 0.7,
    "seed": 1,
    "verdict": "strict",
    "valid": True,
    "changes": [],
    "validity": 1.0,
    "leak": False,
    "leak_stems": [],
    "trade_thinking": 0.25,
    "trade_parts": {},
    "semantic": 0.125,
    "rank": 1.0,
    "normalized_score": 0.5,
    "outcome_score": 5.0,
    "composite": 0.5,
    "reward": 0.5,
    "form_score": 1.0,
}
"""A valid line."""
BROKEN = LINE | {"raw_strict": False, "verdict": "malformed", "valid": False, "validity": 0.0, "composite": 0.0}


def _part(table: type[Any], line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name in table.__table__.columns}
