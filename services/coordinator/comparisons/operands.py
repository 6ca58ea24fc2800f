"""What a comparison's sides mean: a run, one of its checkpoints or its base, and the days on which it is scored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.coordinator.models import Checkpoint, Day, Run
from services.coordinator.runs.queries import find_run
from services.coordinator.states import FINISHED_DAYS
from shared.dates import parse_date
from shared.errors import ConflictError, InvalidInputError, NotFoundError
from shared.wire import BASE_POLICY

EVALUATED = ("training", "published", "scored")
"""States of a day all of whose rollouts are scored."""


@dataclass(frozen=True)
class Asked:
    """A side as it was asked for. `day` is that of the checkpoint; with `base` it is the run's base model, with
    neither the run itself."""

    text: str
    run: Run
    day: Day | None = None
    base: bool = False

    @property
    def is_run(self) -> bool:
        """Whether a whole run is meant."""
        return self.day is None and not self.base

    @property
    def panel(self) -> str | None:
        """The panel that the run is scored on."""
        return self.run.config.panel


@dataclass(frozen=True)
class Side:
    """A side and the days whose rollouts speak for it. `dates` are those of the checkpoint, or the run's days."""

    asked: str
    run: Run
    day_ids: list[int]
    dates: list[dt.date]


def resolve(session: Session, field: str, text: str) -> Asked:
    """What RUN, RUN:YYYYMMDD, RUN:base or a checkpoint's id means; raises NotFoundError, ConflictError."""
    name, colon, point = text.partition(":")
    if colon:
        run = find_run(session, name)
        return Asked(text, run, base=True) if point == BASE_POLICY else Asked(text, run, _day_of(session, run, point))
    if (found := session.scalars(select(Run).where(Run.name == name)).one_or_none()) is not None:
        return Asked(text, found)
    checkpoint = session.get(Checkpoint, name)
    if checkpoint is None:
        raise NotFoundError(
            f"{field}: there is neither a run nor a checkpoint {text!r}; write RUN, RUN:YYYYMMDD, RUN:base or the id "
            "of a checkpoint (`morrow runs` and `morrow days RUN` show them)"
        )
    return Asked(text, session.get_one(Run, checkpoint.run_id), session.get_one(Day, checkpoint.day_id))


def _day_of(session: Session, run: Run, point: str) -> Day:
    try:
        date = parse_date(point)
    except InvalidInputError as error:
        raise InvalidInputError(f"{run.name}:{point}: write {run.name}:YYYYMMDD or {run.name}:base") from error
    query = select(Day, Checkpoint.id).outerjoin(Checkpoint, Checkpoint.day_id == Day.id)
    query = query.where(Day.run_id == run.id, Day.role.in_(["chain", "warm_start"]), Day.date == date)
    rows = session.execute(query.order_by(Day.role)).all()
    if not rows:
        raise NotFoundError(f"run {run.name!r} has no day {date}; `morrow days {run.name}` shows those it has")
    for day, checkpoint in rows:
        if checkpoint is not None:
            return day
    raise ConflictError(f"day {date} of run {run.name!r} is {rows[0][0].state} and has no checkpoint to compare")


def panel_sides(session: Session, a: Asked, b: Asked, panel: str) -> tuple[Side, Side]:
    """The scoring of a checkpoint, of the base, or of a run's newest checkpoint on a panel; raises ConflictError."""
    if a.run.corpus_id != b.run.corpus_id:
        raise ConflictError(
            f"panel: runs {a.run.name!r} and {b.run.name!r} are over different corpora, so panel {panel!r} is not the "
            "same for both; compare runs of one corpus"
        )
    return _panel_side(session, "a", a, panel), _panel_side(session, "b", b, panel)


def _panel_side(session: Session, field: str, asked: Asked, panel: str) -> Side:
    if asked.panel != panel:
        its = f"panel {asked.panel!r}" if asked.panel else "no panel"
        raise ConflictError(
            f"{field}: run {asked.run.name!r} is scored on {its}, not on {panel!r}; checkpoints are scored on the "
            f"panel that their run was begun with (--set panel={panel})"
        )
    days = _scored_panel_days(session, asked.run)
    wanted = [day for day in days if _speaks_for(day, asked)]
    if not wanted:
        raise ConflictError(_not_scored(session, field, asked, panel, days))
    day = wanted[-1]
    return Side(asked.text, asked.run, [day.id], [day.date])


def _scored_panel_days(session: Session, run: Run) -> Sequence[Day]:
    query = select(Day).where(Day.run_id == run.id, Day.role == "panel", Day.state == "scored")
    return session.scalars(query.order_by(Day.date)).all()


def _speaks_for(day: Day, asked: Asked) -> bool:
    if asked.base:
        return day.policy_day_id is None
    return day.policy_day_id is not None and (asked.day is None or day.policy_day_id == asked.day.id)


def _not_scored(session: Session, field: str, asked: Asked, panel: str, scored: Sequence[Day]) -> str:
    open_days = select(func.count()).where(
        Day.run_id == asked.run.id, Day.role == "panel", Day.state.not_in(FINISHED_DAYS)
    )
    waiting = session.scalar(open_days)
    names = ["base" if day.policy_day_id is None else f"{day.date:%Y%m%d}" for day in scored]
    return (
        f"{field}: {asked.text} has no scores on panel {panel!r}; of run {asked.run.name!r} there are those of "
        f"{', '.join(names) or 'nothing'} so far, {waiting} more are planned (panel_every leaves others out)"
    )


def chain_sides(session: Session, a: Asked, b: Asked) -> tuple[Side, Side]:
    """Two runs on the dates that both have scored; raises ConflictError if there is none."""
    days_a, days_b = _scored_days(session, a.run), _scored_days(session, b.run)
    common = sorted(days_a.keys() & days_b.keys())
    if not common:
        raise ConflictError(
            f"nothing can be compared: no date is scored in both runs; {_span(a.run, days_a)}, {_span(b.run, days_b)}. "
            "Compare checkpoints on a panel, or wait for the runs"
        )
    return (
        Side(a.text, a.run, [days_a[date] for date in common], common),
        Side(b.text, b.run, [days_b[date] for date in common], common),
    )


def _scored_days(session: Session, run: Run) -> dict[dt.date, int]:
    query = select(Day.date, Day.id).where(Day.run_id == run.id, Day.role == "chain", Day.state.in_(EVALUATED))
    return {row.date: row.id for row in session.execute(query)}


def _span(run: Run, days: dict[dt.date, int]) -> str:
    if not days:
        return f"{run.name} has scored none"
    return f"{run.name} has {len(days)}, from {min(days)} to {max(days)}"


def shared_panel(a: Asked, b: Asked) -> str:
    """The panel of both runs, where none was named; raises InvalidInputError."""
    if a.panel and a.panel == b.panel and a.run.corpus_id == b.run.corpus_id:
        return a.panel
    said = [f"{side.run.name} is scored on {side.panel or 'none'}" for side in (a, b)]
    raise InvalidInputError(
        "panel: checkpoints are compared on a panel that both runs are scored on, whole runs also on their common "
        f"dates; {said[0]}, {said[1]}"
    )
