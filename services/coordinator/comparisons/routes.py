"""Comparisons of two checkpoints or runs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from services.coordinator.api.scopes import scope
from services.coordinator.comparisons.schemas import Comparison
from services.coordinator.comparisons.service import compare, read_comparison
from services.coordinator.dependencies import DepsDep
from shared.errors import ConflictError, NotFoundError
from shared.wire import NAME_PATTERN

router = APIRouter(prefix="/v1/compare", tags=["compare"])
OperandQuery = Annotated[
    str, Query(min_length=1, max_length=200, description="RUN, RUN:YYYYMMDD, RUN:base or the id of a checkpoint.")
]
PanelQuery = Annotated[str | None, Query(pattern=NAME_PATTERN, description="Compare on this panel of the corpus.")]
Resamples = Annotated[int, Query(ge=100, le=20_000, description="Resamples of the bootstrap.")]
Seed = Annotated[int, Query(ge=0, le=2**31 - 1, description="Seed of the resamples.")]


@router.get("", openapi_extra=scope("read", raises=[NotFoundError, ConflictError]))
def compare_operands(
    a: OperandQuery,
    b: OperandQuery,
    deps: DepsDep,
    panel: PanelQuery = None,
    resamples: Resamples = 2_000,
    seed: Seed = 0,
) -> Comparison:
    """The figures of A and B, the difference B less A and its 95 % bootstrap interval over headlines.

    On a panel a run stands for its newest scored checkpoint. Without one, two runs are compared on the dates that both
    have scored. Operands that cannot be compared are refused with the reason (409).
    """
    with deps.sessions.begin() as session:
        data = read_comparison(session, a, b, panel)
    # The bootstrap reads nothing: it runs after the transaction, so that it holds no connection.
    return compare(data, seed=seed, resamples=resamples)
