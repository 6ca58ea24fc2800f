"""The operands of a comparison: a run, one of its checkpoints or its base, and the days on which it is scored."""

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
class Operand:
    """One of the two things that are compared, as `text` names it. `day` is that of a checkpoint; `base` stands for
    the run's base model; with neither, the operand is the run itself."""

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
    """An operand and the days whose rollouts stand for it. `dates` are those of the checkpoint, or the run's days."""

    text: str
    run: Run
    day_ids: list[int]
    dates: list[dt.date]


def resolve(session: Session, field: str, text: str) -> Operand:
    """The operand that RUN, RUN:YYYYMMDD, RUN:base or a checkpoint's id names; `field` is a or b, for messages.

    Raises NotFoundError for a name, a day or an id that does not exist, InvalidInputError for a malformed date, and
    ConflictError for a day without a checkpoint.
    """
    name, colon, point = text.partition(":")
    if colon:
        run = find_run(session, name)
        if point == BASE_POLICY:
            return Operand(text, run, base=True)
        return Operand(text, run, _checkpoint_day(session, run, point))
    # Runs come first: a run may bear the name of a checkpoint, while the checkpoint can also be named by its day.
    run_of_name = session.scalars(select(Run).where(Run.name == name)).one_or_none()
    if run_of_name is not None:
        return Operand(text, run_of_name)
    checkpoint = session.get(Checkpoint, name)
    if checkpoint is None:
        raise NotFoundError(
            f"{field}: there is neither a run nor a checkpoint {text!r}; write RUN, RUN:YYYYMMDD, RUN:base or the id "
            "of a checkpoint (`morrow runs` and `morrow days RUN` show them)"
        )
    return Operand(text, session.get_one(Run, checkpoint.run_id), session.get_one(Day, checkpoint.day_id))


def _checkpoint_day(session: Session, run: Run, point: str) -> Day:
    try:
        date = parse_date(point)
    except InvalidInputError as error:
        raise InvalidInputError(f"{run.name}:{point}: write {run.name}:YYYYMMDD or {run.name}:base") from error
    query = select(Day, Checkpoint.id).outerjoin(Checkpoint, Checkpoint.day_id == Day.id)
    query = query.where(Day.run_id == run.id, Day.role.in_(["chain", "warm_start"]), Day.date == date)
    rows = session.execute(query.order_by(Day.role)).all()
    if not rows:
        raise NotFoundError(f"run {run.name!r} has no day {date}; `morrow days {run.name}` lists its days")
    for day, checkpoint in rows:
        if checkpoint is not None:
            return day
    raise ConflictError(f"day {date} of run {run.name!r} is {rows[0][0].state} and has no checkpoint to compare")


def panel_sides(session: Session, a: Operand, b: Operand, panel: str) -> tuple[Side, Side]:
    """The panel day of a checkpoint, of the base, or of a run's newest scored checkpoint, for both operands.

    Raises ConflictError if the runs are over different corpora, or an operand has no scores on the panel.
    """
    # The name of a panel is unique within its corpus only.
    if a.run.corpus_id != b.run.corpus_id:
        raise ConflictError(
            f"panel: runs {a.run.name!r} and {b.run.name!r} are over different corpora, so panel {panel!r} is not the "
            "same for both; compare runs of one corpus"
        )
    return _panel_side(session, "a", a, panel), _panel_side(session, "b", b, panel)


def _panel_side(session: Session, field: str, operand: Operand, panel: str) -> Side:
    if operand.panel != panel:
        its = f"panel {operand.panel!r}" if operand.panel else "no panel"
        raise ConflictError(
            f"{field}: run {operand.run.name!r} is scored on {its}, not on {panel!r}; checkpoints are scored on the "
            f"panel that their run was created with (--set panel={panel})"
        )
    scored_days = _scored_panel_days(session, operand.run)
    days = [day for day in scored_days if _is_of(operand, day)]
    if not days:
        raise ConflictError(_not_scored(session, field, operand, panel, scored_days))
    newest = days[-1]
    return Side(operand.text, operand.run, [newest.id], [newest.date])


def _scored_panel_days(session: Session, run: Run) -> Sequence[Day]:
    query = select(Day).where(Day.run_id == run.id, Day.role == "panel", Day.state == "scored")
    return session.scalars(query.order_by(Day.date)).all()


def _is_of(operand: Operand, panel_day: Day) -> bool:
    """Whether a panel day scores the operand: the base has no policy day, a checkpoint its own, a run any."""
    if operand.base:
        return panel_day.policy_day_id is None
    return panel_day.policy_day_id is not None and (operand.day is None or panel_day.policy_day_id == operand.day.id)


def _not_scored(session: Session, field: str, operand: Operand, panel: str, scored: Sequence[Day]) -> str:
    run = operand.run
    open_days = select(func.count()).where(Day.run_id == run.id, Day.role == "panel", Day.state.not_in(FINISHED_DAYS))
    pending = session.scalar(open_days)
    names = ["base" if day.policy_day_id is None else f"{day.date:%Y%m%d}" for day in scored]
    return (
        f"{field}: {operand.text} has no scores on panel {panel!r}; run {run.name!r} has scores of "
        f"{', '.join(names) or 'nothing'} so far, {pending} more are planned (panel_every leaves others out)"
    )


def chain_sides(session: Session, a: Operand, b: Operand) -> tuple[Side, Side]:
    """Two runs on the dates that both have scored; raises ConflictError if there is none."""
    days_a, days_b = _scored_days(session, a.run), _scored_days(session, b.run)
    common = sorted(days_a.keys() & days_b.keys())
    if not common:
        raise ConflictError(
            f"nothing can be compared: no date is scored in both runs; {_period(a.run, days_a)}, "
            f"{_period(b.run, days_b)}. Compare checkpoints on a panel, or wait for the runs"
        )
    return (
        Side(a.text, a.run, [days_a[date] for date in common], common),
        Side(b.text, b.run, [days_b[date] for date in common], common),
    )


def _scored_days(session: Session, run: Run) -> dict[dt.date, int]:
    query = select(Day.date, Day.id).where(Day.run_id == run.id, Day.role == "chain", Day.state.in_(EVALUATED))
    return {row.date: row.id for row in session.execute(query)}


def _period(run: Run, days: dict[dt.date, int]) -> str:
    if not days:
        return f"{run.name} has scored none"
    return f"{run.name} has {len(days)}, from {min(days)} to {max(days)}"


def shared_panel(a: Operand, b: Operand) -> str:
    """The panel of both runs, where none was named; raises InvalidInputError if they have none in common."""
    if a.panel and a.panel == b.panel and a.run.corpus_id == b.run.corpus_id:
        return a.panel
    panels = ", ".join(f"{operand.run.name} is scored on {operand.panel or 'none'}" for operand in (a, b))
    raise InvalidInputError(
        "panel: checkpoints are compared on a panel that both runs are scored on, whole runs also on their common "
        f"dates; {panels}"
    )
