"""How well stated probabilities hold: Brier, log loss, a reliability table and the calibration error. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.coordinator.reports.figures.lines import Line, scored
from services.coordinator.stats.means import mean_or_none

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Settled claims whose probability is in [low, high), the last bin's in [low, high]: how many, the mean of what
    they said, and the share that happened."""

    low: float
    high: float
    count: int
    said: float | None
    happened: float | None


@dataclass(frozen=True)
class Reliability:
    """Settled claims together. `brier` = mean (prob − happened)², 0 the best, .25 what always saying 50 % earns.

    `log_loss`: mean −ln of the probability given to what happened, clipped to [.01, .99]. `calibration_error`:
    Σ count/settled · |said − happened| over the bins. `pending` forecasts have no score yet, `unsettled` ones were
    scored without: their claim cannot be settled against the prices.
    """

    pending: int
    settled: int
    unsettled: int
    brier: float | None
    log_loss: float | None
    calibration_error: float | None
    bins: Sequence[Bin]


def reliability(lines: Sequence[Line]) -> Reliability:
    """The reliability of what lines claim."""
    done = [score for _, score in scored(lines)]
    settled = [score.settlement for score in done if score.settlement]
    bins = reliability_table([(float(claim["prob"]), bool(claim["happened"])) for claim in settled])
    return Reliability(
        pending=len(lines) - len(done),
        settled=len(settled),
        unsettled=len(done) - len(settled),
        brier=mean_or_none(float(claim["brier"]) for claim in settled),
        log_loss=mean_or_none(float(claim["log_loss"]) for claim in settled),
        calibration_error=calibration_error(bins),
        bins=bins,
    )


def reliability_table(claims: Sequence[tuple[float, bool]]) -> list[Bin]:
    """Ten bins of equal width over claims of (probability, whether it happened)."""
    held: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for prob, happened in claims:
        held[min(int(prob * BINS), BINS - 1)].append((prob, happened))
    return [_bin(number, found) for number, found in enumerate(held)]


def _bin(number: int, found: Sequence[tuple[float, bool]]) -> Bin:
    said = mean_or_none(prob for prob, _ in found)
    share = mean_or_none(happened for _, happened in found)
    return Bin(number / BINS, (number + 1) / BINS, len(found), said, share)


def calibration_error(bins: Sequence[Bin]) -> float | None:
    """Expected calibration error, in [0, 1]: the mean gap of said and happened, weighted by count; None without any."""
    total = sum(found.count for found in bins)
    gaps = [
        found.count * abs(found.said - found.happened)
        for found in bins
        if found.said is not None and found.happened is not None
    ]
    return sum(gaps) / total if total else None
