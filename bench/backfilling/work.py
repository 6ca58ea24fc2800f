"""What both sides of bench/end_to_end.py work on: size, settings, headlines; and a comparison of what they did."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.inference.sampling.prompts import ChatMessage, messages
from shared.forecast import format_named
from shared.run_config import RunConfig

CORPUS = Path(__file__).parents[2] / "services" / "cli" / "sample_corpus"
Figures = dict[str, Any]


@dataclass(frozen=True)
class Day:
    """A day of the sample corpus: its date (YYYYMMDD), the run's headlines, all of the day's, and the next day's."""

    date: str
    headlines: list[str]
    peers: list[str]
    outcomes: list[str]

    def prompts(self, config: RunConfig) -> list[list[ChatMessage]]:
        """The chat of each headline of the run."""
        form = format_named(config.format)
        return [messages(headline, config.horizon, form) for headline in self.headlines]


def _texts(file: Path) -> list[str]:
    return [item["text"] for item in json.loads(file.read_text("utf8"))["headlines"]]


def sample_days(days: int, headlines: int) -> list[Day]:
    """The first `days` days of the sample corpus with their first `headlines` headlines.

    Raises SystemExit for more than the corpus has.
    """
    files = sorted(CORPUS.glob("*_headlines.json"))
    if days >= len(files):
        raise SystemExit(f"--days {days}: the sample corpus has {len(files)} days, and the last only settles others")
    texts = [_texts(file) for file in files]
    made = [
        Day(file.name[:8], today[:headlines], today, tomorrow)
        for file, today, tomorrow in zip(files[:days], texts[:days], texts[1 : days + 1], strict=True)
    ]
    if short := [day.date for day in made if len(day.headlines) < headlines]:
        raise SystemExit(f"--headlines {headlines}: {', '.join(short)} has fewer")
    return made


def add_size(parser: argparse.ArgumentParser) -> None:
    """Add the options of the size of the work."""
    parser.add_argument("--days", type=int, default=2)
    parser.add_argument("--headlines", type=int, default=4, help="of a day; a multiple of the run's minibatches")
    parser.add_argument("--rollouts", type=int, default=8, help="of a headline")
    parser.add_argument("--tokens", type=int, default=160, help="longest answer")


def run_config(options: argparse.Namespace) -> RunConfig:
    """The configuration of the run: Morrow's defaults at this size. Raises SystemExit if the minibatches do not fit."""
    config = RunConfig(headlines=options.headlines, rollouts=options.rollouts, max_tokens=options.tokens)
    if options.headlines % config.minibatches:
        raise SystemExit(f"--headlines {options.headlines}: TRL's steps need a multiple of {config.minibatches}")
    return config


def write(folder: Path, side: str, figures: Figures) -> None:
    """Write a side's figures into the folder."""
    (folder / f"{side}.json").write_text(json.dumps(figures), "utf8")


COUNTS = ("headlines", "rollouts", "steps", "checkpoints")
"""Figures that must be equal: headlines by day, and by day the rollouts, optimizer steps and checkpoints."""


def differences(stock: Figures, morrow: Figures, names: Sequence[str] = COUNTS) -> list[str]:
    """What one side did and the other did not, in words; empty if both did the same work."""
    return [f"{name}: TRL {stock[name]}, Morrow {morrow[name]}" for name in names if stock[name] != morrow[name]]
