"""Reliability of stated probabilities: Brier, log loss, a reliability table and the calibration error. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.coordinator.reports.figures.lines import Line, scored
from services.coordinator.stats.means import mean_or_none

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Settled claims whose probability is in [low, high), in the last bin in [low, high]: their `count`, the mean of
    the probabilities that they `stated`, and the share that `happened`."""

    low: float
    high: float
    count: int
    stated: float | None
    happened: float | None


@dataclass(frozen=True)
class Reliability:
    """All settled claims. `brier` = mean (prob − happened)² (Brier 1950): 0 is the best, .25 that of a constant 50 %.

    `log_loss`: mean −ln of the probability given to what happened, clipped to [.01, .99]. `calibration_error`:
    Σ count/settled · |stated − happened| over the bins. `pending` forecasts have no score yet; `unsettled` ones are
    scored, but their claim cannot be settled against the prices.
    """

    pending: int
    settled: int
    unsettled: int
    brier: float | None
    log_loss: float | None
    calibration_error: float | None
    bins: Sequence[Bin]


def reliability(lines: Sequence[Line]) -> Reliability:
    """The reliability of the claims of lines."""
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
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for prob, happened in claims:
        # A probability of 1 belongs to the last bin, not to an eleventh.
        bins[min(int(prob * BINS), BINS - 1)].append((prob, happened))
    return [_bin(number, of_bin) for number, of_bin in enumerate(bins)]


def _bin(number: int, claims: Sequence[tuple[float, bool]]) -> Bin:
    stated = mean_or_none(prob for prob, _ in claims)
    happened = mean_or_none(happened for _, happened in claims)
    return Bin(number / BINS, (number + 1) / BINS, len(claims), stated, happened)


def calibration_error(bins: Sequence[Bin]) -> float | None:
    """Expected calibration error, in [0, 1]: the mean gap of stated and happened by count; None without any."""
    total = sum(one.count for one in bins)
    gaps = [
        one.count * abs(one.stated - one.happened)
        for one in bins
        if one.stated is not None and one.happened is not None
    ]
    return sum(gaps) / total if total else None
