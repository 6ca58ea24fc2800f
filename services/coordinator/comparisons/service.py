"""Two checkpoints or runs side by side."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session, defer, load_only

from services.coordinator.comparisons.operands import Side, chain_sides, panel_sides, resolve, shared_panel
from services.coordinator.comparisons.rules.figures import Line, figures, match
from services.coordinator.comparisons.rules.notes import left_out_notes, notes
from services.coordinator.comparisons.schemas import Comparison, SideView
from services.coordinator.corpora.rules.headlines import text_key
from services.coordinator.models import Checkpoint, Day, Evaluation, Group, Headline, Rollout
from services.coordinator.stats.bootstrap import LEVEL
from shared.errors import ConflictError
from shared.run_config import RunConfig


@dataclass(frozen=True)
class Read:
    """A side with its lines."""

    view: SideView
    lines: list[Line]
    config: RunConfig


@dataclass(frozen=True)
class Material:
    """What a comparison is made of."""

    a: Read
    b: Read
    panel: str | None


def read_sides(session: Session, a: str, b: str, panel: str | None) -> Material:
    """Both sides with their lines, all of one moment; to be called first in its transaction.

    Without a panel two runs are read on their common dates, checkpoints on the panel that both runs are scored on.
    Raises NotFoundError for what does not exist, ConflictError and InvalidInputError for what cannot be compared.
    """
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    first, second = resolve(session, "a", a), resolve(session, "b", b)
    if panel is None and not (first.is_run and second.is_run):
        panel = shared_panel(first, second)
    sides = panel_sides(session, first, second, panel) if panel else chain_sides(session, first, second)
    return Material(_read(session, sides[0]), _read(session, sides[1]), panel)


def compare(material: Material, *, seed: int, resamples: int) -> Comparison:
    """The figures of both sides with 95 % bootstrap intervals of their differences.

    Raises ConflictError if a side has no scored line.
    """
    a, b = material.a, material.b
    for side in (a, b):
        if not side.lines:
            raise ConflictError(f"nothing can be compared: {side.view.asked} has no scored line on these days")
    matched = match(a.lines, b.lines)
    on_panel = material.panel is not None
    found = figures(matched, seed=seed, resamples=resamples, on_panel=on_panel)
    views = [a.view, b.view]
    configs = [side.config.model_dump() for side in (a, b)]
    return Comparison(
        a=a.view,
        b=b.view,
        panel=material.panel,
        paired=matched.paired,
        headlines=len(matched.a) if matched.paired else 0,
        seed=seed,
        resamples=resamples,
        level=LEVEL,
        figures=found,
        notes=notes(views, configs, matched, on_panel) + left_out_notes(found, resamples),
    )


def _read(session: Session, side: Side) -> Read:
    is_import = side.run.kind == "import"
    rows = _rows(session, side)
    climbed = {row.day_id for row in rows if row.Rollout.arm == "ladder"}
    lines = [_line(row, delivered=row.Rollout.arm == "ladder" or row.day_id not in climbed) for row in rows]
    policies = {row.Rollout.policy for row in rows}
    known = [row.trained_until for row in rows if row.trained_until is not None]
    view = SideView(
        asked=side.asked,
        run=side.run.name,
        policy=policies.pop() if len(policies) == 1 and not is_import else None,
        dates=side.dates,
        headlines=len({line.headline for line in lines}),
        lines=len(lines),
        valid=sum(line.valid for line in lines),
        look_ahead=None if is_import else sum(map(_looks_ahead, rows)),
        trained_until=max(known).astimezone(dt.UTC) if known else None,
    )
    return Read(view, lines, side.run.config)


def _rows(session: Session, side: Side) -> Sequence[Row[Any]]:
    query = (
        select(
            Rollout,
            Evaluation,
            Group.id.label("group_id"),
            Group.day_id,
            Group.headline,
            Group.published_at,
            func.coalesce(Headline.date, Day.date).label("date"),
            Checkpoint.trained_until,
        )
        .options(
            load_only(Rollout.arm, Rollout.raw_strict, Rollout.text, Rollout.policy), defer(Evaluation.trade_parts)
        )
        .add_columns(func.cardinality(Rollout.token_ids).label("tokens"))
        .join(Evaluation, Evaluation.rollout_id == Rollout.id)
        .join(Group, Group.id == Rollout.group_id)
        .join(Day, Day.id == Group.day_id)
        .outerjoin(Headline, Headline.id == Group.headline_id)
        .outerjoin(Checkpoint, Checkpoint.id == Rollout.policy)
        .where(Group.day_id.in_(side.day_ids))
    )
    return session.execute(query.order_by(Day.date, Group.position, Rollout.index)).all()


def _looks_ahead(row: Row[Any]) -> bool:
    return row.trained_until is not None and row.trained_until > row.published_at


def _line(row: Row[Any], *, delivered: bool) -> Line:
    rollout, scored = row.Rollout, row.Evaluation
    return Line(
        headline=f"{row.date} {text_key(row.headline)}",
        group=row.group_id,
        delivered=delivered,
        raw_strict=rollout.raw_strict,
        text=rollout.text,
        tokens=row.tokens,
        verdict=scored.verdict,
        valid=scored.valid,
        composite=scored.composite,
        trade_thinking=scored.trade_thinking,
        normalized_score=scored.normalized_score,
        semantic=scored.semantic,
        leak=scored.leak,
        form_score=scored.form_score,
        signs=scored.signs,
        grounding=scored.grounding,
    )
