"""Publish an accepted checkpoint: record it, point the run's aliases to it, serve it under promote=always."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.coordinator.checkpoints.aliases import point, serve
from services.coordinator.corpora.queries import dated_headlines
from services.coordinator.corpora.rules.headlines import day_begin, parse_zone
from services.coordinator.models import Checkpoint, Corpus, Day, Evaluation, Group, Headline, Rollout, Run
from services.coordinator.runs.queries import record_event
from services.coordinator.scheduling.rules.maturity import needs_prices
from services.coordinator.states import day_name
from shared.checkpoints import MANIFEST, CheckpointStore, Manifest
from shared.errors import InvalidInputError
from shared.run_config import RunConfig
from shared.wire import CheckpointRecord, TrainResult

UNSERVED = {"never": "not served (promote=never)", "panel": "served if the panel gate passes (promote=panel)"}


def publish(
    session: Session, run: Run, config: RunConfig, day: Day, parent: Checkpoint | None, result: TrainResult
) -> None:
    """Record a checkpoint whose files were verified, and serve it under promote=always."""
    record = result.checkpoint
    session.add(
        Checkpoint(
            id=record.ref.id,
            run_id=run.id,
            day_id=day.id,
            parent_id=parent.id if parent else None,
            fence=record.fence,
            uri=record.ref.uri,
            sha256=record.ref.sha256,
            adapter=record.adapter,
            base_model=record.base_model,
            files=dict(record.files),
            trained_until=trained_until(session, run, config, day, parent),
            stats=result.stats.model_dump(),
        )
    )
    session.flush()
    # After the insert: an alias refers to the stored checkpoint.
    for name in ("final_model", f"final_model_{day.date:%Y%m%d}"):
        point(session, run.name, name, record.ref.id)
    before = serve(session, record.ref.id).before if config.promote == "always" else None
    fate = UNSERVED.get(config.promote, "served")
    of = day.date if day.role == "chain" else f"the {day_name(day.role, day.date)}"
    message = f"checkpoint {record.ref.id} of {of} is published and {fate}"
    record_event(session, run, "checkpoint.published", message, day.date, checkpoint=record.ref.id, before=before)


def trained_until(
    session: Session, run: Run, config: RunConfig, day: Day, parent: Checkpoint | None
) -> dt.datetime | None:
    """The newest time that a checkpoint of this day has learned from, lineage included: of a prompt, of an outcome, or
    the end of the day whose closes settled a claim. A warm start learns from no outcome.
    """
    # Its parent's newest time counts too: the weights start from there.
    moments = [parent.trained_until] if parent and parent.trained_until else []
    prompts = select(func.max(Headline.published_at)).where(Headline.id.in_(day.headline_ids))
    moments += [moment for moment in [session.execute(prompts).scalar_one()] if moment is not None]
    if run.corpus_id is not None and day.outcome_date is not None and day.role != "warm_start":
        outcomes = dated_headlines(session, run.corpus_id, day.outcome_date, day.outcome_date)[day.outcome_date]
        moments += [h.published_at for h in outcomes if config.dates == "warn" or h.flag is None]
        moments += _closes(session, run.corpus_id, day) if needs_prices(config) else []
    return max(moments, default=None)


def _closes(session: Session, corpus_id: int, day: Day) -> list[dt.datetime]:
    """The end of the last day that settled a claim, in the corpus' time zone."""
    last = select(func.max(Evaluation.settlement["end_date"].astext)).join(Rollout).join(Group)
    end = session.execute(last.where(Group.day_id == day.id)).scalar_one()
    if end is None:
        return []
    zone = parse_zone(session.get_one(Corpus, corpus_id).timezone)
    return [day_begin(dt.date.fromisoformat(end) + dt.timedelta(days=1), zone)]


def verify_files(store: CheckpointStore, record: CheckpointRecord) -> None:
    """Check every file of a checkpoint against its hash, and its manifest and names against the record.

    Raises InvalidInputError, CheckpointCorruptError.
    """
    name = f"{record.date:%Y%m%d}-{record.ref.sha256[:12]}"
    if (record.ref.id, record.ref.uri) != (f"{record.run}-{name}", f"{record.run}/{name}"):
        raise InvalidInputError(
            f"checkpoint.ref: {record.ref.id!r} is not the name of this checkpoint; expected {record.run}-{name}"
        )
    manifest = Manifest.model_validate_json((store.verified(record.ref) / MANIFEST).read_text("utf8"))
    if manifest.model_dump() != record.model_dump(exclude={"ref"}):
        raise InvalidInputError(f"checkpoint: {record.ref.id} differs from its manifest; post the published record")
