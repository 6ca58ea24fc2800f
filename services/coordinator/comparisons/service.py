"""Reads the lines of both sides of a comparison, and compares them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session, defer, load_only

from services.coordinator.comparisons.operands import Side, chain_sides, panel_sides, resolve, shared_panel
from services.coordinator.comparisons.rules.figures import ScoredLine, figures, match
from services.coordinator.comparisons.rules.notes import left_out_notes, notes
from services.coordinator.comparisons.schemas import Comparison, SideView
from services.coordinator.corpora.rules.headlines import text_key
from services.coordinator.models import Checkpoint, Day, Evaluation, Group, Headline, Rollout
from services.coordinator.stats.bootstrap import LEVEL
from shared.errors import ConflictError
from shared.run_config import RunConfig


@dataclass(frozen=True)
class SideData:
    """A side with its lines and the configuration of its run."""

    view: SideView
    lines: list[ScoredLine]
    config: RunConfig


@dataclass(frozen=True)
class ComparisonData:
    """Both sides of a comparison; `panel` is None where two runs are compared on their common dates."""

    a: SideData
    b: SideData
    panel: str | None


def read_comparison(session: Session, a: str, b: str, panel: str | None) -> ComparisonData:
    """Both sides with their lines, from one snapshot; must be the first read of its transaction.

    Without a panel two runs are read on their common dates, checkpoints on the panel that both runs are scored on.
    Raises NotFoundError for an operand that does not exist, ConflictError and InvalidInputError for operands that
    cannot be compared.
    """
    # One snapshot for all queries: an evaluation that commits in between would be on one side only.
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    first, second = resolve(session, "a", a), resolve(session, "b", b)
    if panel is None and not (first.is_run and second.is_run):
        panel = shared_panel(first, second)
    sides = panel_sides(session, first, second, panel) if panel else chain_sides(session, first, second)
    return ComparisonData(_read(session, sides[0]), _read(session, sides[1]), panel)


def compare(data: ComparisonData, *, seed: int, resamples: int) -> Comparison:
    """The figures of both sides with 95 % bootstrap intervals of their differences.

    Raises ConflictError if a side has no scored line.
    """
    a, b = data.a, data.b
    for side in (a, b):
        if not side.lines:
            raise ConflictError(f"nothing can be compared: {side.view.operand} has no scored line on these days")
    matched = match(a.lines, b.lines)
    on_panel = data.panel is not None
    compared = figures(matched, seed=seed, resamples=resamples, on_panel=on_panel)
    views = [a.view, b.view]
    configs = [side.config.model_dump() for side in (a, b)]
    return Comparison(
        a=a.view,
        b=b.view,
        panel=data.panel,
        paired=matched.paired,
        headlines=len(matched.a) if matched.paired else 0,
        seed=seed,
        resamples=resamples,
        level=LEVEL,
        figures=compared,
        notes=notes(views, configs, matched, on_panel) + left_out_notes(compared, resamples),
    )


def _read(session: Session, side: Side) -> SideData:
    is_import = side.run.kind == "import"
    rows = _rows(session, side)
    # A day without a ladder arm (a panel's, an import's) delivers all of its lines.
    ladder_days = {row.day_id for row in rows if row.Rollout.arm == "ladder"}
    lines = [_line(row, delivered=row.Rollout.arm == "ladder" or row.day_id not in ladder_days) for row in rows]
    policies = {row.Rollout.policy for row in rows}
    trained_until = [row.trained_until for row in rows if row.trained_until is not None]
    view = SideView(
        operand=side.text,
        run=side.run.name,
        policy=policies.pop() if len(policies) == 1 and not is_import else None,
        dates=side.dates,
        headlines=len({line.headline for line in lines}),
        lines=len(lines),
        valid=sum(line.valid for line in lines),
        look_ahead=None if is_import else sum(map(_looks_ahead, rows)),
        trained_until=max(trained_until).astimezone(dt.UTC) if trained_until else None,
    )
    return SideData(view, lines, side.run.config)


def _rows(session: Session, side: Side) -> Sequence[Row[Any]]:
    query = (
        select(
            Rollout,
            Evaluation,
            Group.id.label("group_id"),
            Group.day_id,
            Group.headline,
            Group.published_at,
            # A panel's headlines have dates of their own; an imported group has no headline row, only its day.
            func.coalesce(Headline.date, Day.date).label("date"),
            Checkpoint.trained_until,
        )
        # Token ids, log-probabilities and score parts are long, and no figure needs them.
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


def _line(row: Row[Any], *, delivered: bool) -> ScoredLine:
    rollout, evaluation = row.Rollout, row.Evaluation
    return ScoredLine(
        # By date and text, not by id: an imported run has no headline rows, and yet is matched with another run.
        headline=f"{row.date} {text_key(row.headline)}",
        group=row.group_id,
        delivered=delivered,
        raw_strict=rollout.raw_strict,
        text=rollout.text,
        tokens=row.tokens,
        verdict=evaluation.verdict,
        valid=evaluation.valid,
        composite=evaluation.composite,
        trade_thinking=evaluation.trade_thinking,
        normalized_score=evaluation.normalized_score,
        semantic=evaluation.semantic,
        leak=evaluation.leak,
        form_score=evaluation.form_score,
        signs=evaluation.signs,
        grounding=evaluation.grounding,
    )
