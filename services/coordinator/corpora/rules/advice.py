"""Advice on false dates after an import. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.coordinator.corpora.rules.headlines import DayCount

CURES = (
    "What to do: import the same files again under another name with `--dates regroup`, which files every headline "
    "under the day of its publication; or run as it is, and the flagged headlines are left out (dates=enforce, the "
    "default); or run with `--set dates=warn`, which keeps them and counts the look-ahead that they cause."
)


@dataclass
class _Stretch:
    """Neighbouring days with the same finding."""

    finding: str
    days: list[DayCount] = field(default_factory=list)

    def extends_to(self, day: DayCount, finding: str) -> bool:
        return finding == self.finding and day.date - self.days[-1].date == dt.timedelta(days=1)

    def sentence(self, stale_after_days: float) -> str:
        first, last = self.days[0].date, self.days[-1].date
        when = f"{first}" if first == last else f"{first} to {last}"
        headlines, late, stale = (sum(getattr(d, name) for d in self.days) for name in ("headlines", "late", "stale"))
        before = f"published more than {stale_after_days:g} days before their day began"
        whole = f"all {headlines} headlines were"
        if self.finding == "all late":
            return f"{when}: {whole} published after their day."
        if self.finding == "all stale":
            return f"{when}: {whole} {before}."
        parts = [f"{late} published after their day"] * bool(late) + [f"{stale} {before}"] * bool(stale)
        return f"{when}: of {headlines} headlines " + " and ".join(parts) + "."


def _finding(day: DayCount) -> str | None:
    if day.late == day.headlines:
        return "all late"
    if day.stale == day.headlines:
        return "all stale"
    return "some" if day.late or day.stale else None


def advice(days: Sequence[DayCount], stale_after_days: float) -> list[str]:
    """One line per stretch of neighbouring days with false dates, then the cures; empty for sound days."""
    stretches: list[_Stretch] = []
    for day in sorted(days, key=lambda d: d.date):
        finding = _finding(day) if day.headlines else None
        if finding is None:
            continue
        if not (stretches and stretches[-1].extends_to(day, finding)):
            stretches.append(_Stretch(finding))
        stretches[-1].days.append(day)
    return [stretch.sentence(stale_after_days) for stretch in stretches] + ([CURES] if stretches else [])
