"""Make a run."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.coordinator.corpora.queries import find_corpus
from services.coordinator.database import database_now
from services.coordinator.models import Corpus, Run
from services.coordinator.run_days import insert_days
from services.coordinator.run_messages import BackfillRequest
from services.coordinator.run_plan import name_taken, plan_backfill
from services.coordinator.runs.queries import locked_run, note
from services.coordinator.scheduling.service import advance
from shared.errors import InvalidInputError


def create_backfill(session: Session, request: BackfillRequest) -> Run:
    """Store a run with its days and begin it. From now on its corpus takes only headlines of later days."""
    find_corpus(session, request.corpus)
    session.execute(select(Corpus.id).where(Corpus.name == request.corpus).with_for_update())
    corpus, planned, warnings = plan_backfill(session, request)
    if not planned.chain:
        first = planned.days[0]
        raise InvalidInputError(f"from, to: no day of the range can be run. {first.date}: {first.reason}")
    run = _insert_run(session, request, corpus, warnings)
    corpus.used_at = corpus.used_at or database_now(session)
    insert_days(session, run, request.config, planned)
    note(session, run, "run.created", f"run {run.name} over {len(planned.days)} days of corpus {request.corpus}")
    advance(session, run)
    return run


def _insert_run(session: Session, request: BackfillRequest, corpus: Corpus, warnings: list[str]) -> Run:
    values = {
        "name": request.name,
        "corpus_id": corpus.id,
        "config": request.config.model_dump(mode="json"),
        "config_hash": request.config.digest(),
        "state": "running",
        "warnings": warnings,
    }
    statement = insert(Run).values(values).on_conflict_do_nothing(index_elements=[Run.name]).returning(Run.id)
    if session.scalar(statement) is None:
        raise name_taken(request.name)
    return locked_run(session, request.name)
