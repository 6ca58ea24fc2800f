"""A folder in the legacy layout (the predecessor's, or one of `morrow export`) as the body of a run import.

The key of a rollout is (date, headline, horizon, rollout_id), since prediction_id is not unique. Headline times without
a zone are UTC; times of rollouts are kept as written. `_evaluations.csv` is read where the JSON is missing.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.errors import InvalidInputError
from shared.text.sanitize import unguarded

Json = dict[str, Any]
Key = tuple[str, str | None, int]
_NAME = re.compile(r"(\d{8})_(predictions|outcome_tracking|evaluations)\.(json|csv)")


@dataclass
class _Day:
    """The contents of one date's files, by key."""

    date: dt.date
    folder: Path
    profile: str | None = None
    timezone: str | None = None
    outcome_date: str | None = None
    times: dict[str, str] = field(default_factory=dict)
    prompts: dict[tuple[str, str | None], str] = field(default_factory=dict)
    predicted: dict[Key, Json] = field(default_factory=dict)
    tracked: dict[Key, Json] = field(default_factory=dict)
    evaluated: dict[Key, Json] = field(default_factory=dict)
    repeated: int = 0

    @property
    def stem(self) -> str:
        return f"{self.date:%Y%m%d}"


def read_legacy_run(folder: Path, name: str) -> Json:
    """The body of POST /v1/imports/runs for a folder of YYYYMMDD_* files, or its parent folder.

    Raises InvalidInputError naming the file that is unreadable, or the folder if it has no such files or several runs.
    """
    storage = _storage(folder)
    dates = sorted({match[1] for path in storage.iterdir() if (match := _NAME.fullmatch(path.name))})
    days = [_read_day(storage, _date(date)) for date in dates]
    zone = next((day.timezone for day in days if day.timezone), None)
    notes = [note for day in days for note in _notes(day)]
    body: Json = {"name": name, "notes": notes, "days": [_body(day) for day in days]}
    return body | ({"timezone": zone} if zone else {})


def _storage(folder: Path) -> Path:
    if not folder.is_dir():
        raise InvalidInputError(f"path: folder {folder} does not exist")
    candidates = [folder, *sorted(path for path in folder.glob("timestamped_storage_*") if path.is_dir())]
    storages = [path for path in candidates if any(_NAME.fullmatch(file.name) for file in path.iterdir())]
    if not storages:
        raise InvalidInputError(f"path: {folder} has no YYYYMMDD_predictions, _outcome_tracking or _evaluations files")
    if len(storages) > 1:
        names = ", ".join(path.name for path in storages)
        raise InvalidInputError(f"path: {folder} has several runs ({names}); give the folder of one")
    return storages[0]


def _date(text: str) -> dt.date:
    try:
        return dt.datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a date has no zone
    except ValueError as error:
        raise InvalidInputError(
            f"path: a file's name begins with {text}, which is not a date; rename or remove it"
        ) from error


def _read_day(folder: Path, date: dt.date) -> _Day:
    day = _Day(date, folder)
    headlines = _document(day, "headlines")
    day.timezone = headlines.get("timezone")
    for item in _items(headlines, "headlines"):
        _record_time(day, item.get("text"), item)
    for item in _items(_document(day, "predictions"), "predictions"):
        _add_prediction(day, item)
    tracking, evaluations = _document(day, "outcome_tracking"), _document(day, "evaluations")
    day.outcome_date = tracking.get("outcome_date")
    _add_rows(day, day.tracked, _items(tracking, "outcomes"), "outcome_tracking.json")
    rows = _items(evaluations, "evaluations") if evaluations else list(_csv_rows(day))
    _add_rows(day, day.evaluated, rows, "evaluations")
    return day


def _document(day: _Day, kind: str) -> Json:
    path = day.folder / f"{day.stem}_{kind}.json"
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_text("utf8"))
    except json.JSONDecodeError as error:
        raise InvalidInputError(f"{path}:{error.lineno}: not JSON: {error}") from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{path}: not UTF-8: {error}") from error
    if not isinstance(document, dict):
        raise InvalidInputError(f"{path}: an object is required, not {type(document).__name__}")
    return document


def _items(document: Mapping[str, Any], name: str) -> list[Json]:
    items = document.get(name)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _csv_rows(day: _Day) -> Iterator[Json]:
    path = day.folder / f"{day.stem}_evaluations.csv"
    if path.is_file():
        # A byte order mark is no part of the first column's name.
        with path.open(encoding="utf-8-sig", newline="") as stream:
            for row in csv.DictReader(stream):
                # The export guards texts that begin like formulas.
                yield {name: unguarded(value) for name, value in row.items() if isinstance(value, str) and value}


def _record_time(day: _Day, headline: object, data: object) -> None:
    if isinstance(headline, str) and isinstance(data, dict) and isinstance(data.get("timestamp"), str):
        day.times[headline] = data["timestamp"]


def _add_prediction(day: _Day, item: Json) -> None:
    headline = item.get("headline")
    _record_time(day, headline, item.get("headline_data"))
    day.profile = day.profile or item.get("sampler_profile")
    rollouts = [{"headline": headline} | rollout for rollout in _items(item, "rollouts")]
    for rollout in rollouts:
        if isinstance(item.get("prompt"), str):
            day.prompts[str(headline), rollout.get("horizon")] = item["prompt"]
    _add_rows(day, day.predicted, rollouts, "predictions.json")


def _add_rows(day: _Day, into: dict[Key, Json], rows: Iterable[Json], kind: str) -> None:
    for row in rows:
        try:
            key = (str(row["headline"]), row.get("horizon"), int(row["rollout_id"]))
        except (KeyError, TypeError, ValueError) as error:
            where = f"{day.folder}/{day.stem}_{kind}"
            raise InvalidInputError(f"{where}: a row has no headline or no integer rollout_id ({error})") from error
        day.repeated += key in into
        into.setdefault(key, row)


def _lookup(rows: Mapping[Key, Json], key: Key) -> Json:
    """The row of that key; a file without horizons has one row for all horizons."""
    return rows.get(key) or rows.get((key[0], None, key[2])) or {}


def _rollout_rows(day: _Day) -> dict[Key, Json]:
    """The rows of a day's rollouts: the tracked ones, else the evaluated ones, else the predicted ones."""
    texts = next((rows for rows in (day.tracked, day.evaluated) if _has_texts(rows)), None)
    return texts if texts is not None else day.predicted


def _has_texts(rows: Mapping[Key, Json]) -> bool:
    return any("original_prediction" in row or "prediction" in row for row in rows.values())


def _body(day: _Day) -> Json:
    groups: dict[tuple[str, str | None], list[Json]] = {}
    for key, row in _rollout_rows(day).items():
        groups.setdefault(key[:2], []).append(_rollout(day, key, row))
    body: Json = {"date": day.date.isoformat(), "groups": [_group(day, *key, rows) for key, rows in groups.items()]}
    optional = {"profile": day.profile, "outcome_date": day.outcome_date}
    return body | {name: value for name, value in optional.items() if value}


def _group(day: _Day, headline: str, horizon: str | None, rollouts: list[Json]) -> Json:
    return {
        "headline": headline,
        "published_at": _utc(day.times.get(headline)),
        "horizon": horizon,
        "prompt": day.prompts.get((headline, horizon), ""),
        "rollouts": sorted(rollouts, key=lambda rollout: rollout["rollout_id"]),
    }


def _rollout(day: _Day, key: Key, row: Json) -> Json:
    predicted, evaluated = _lookup(day.predicted, key), _lookup(day.evaluated, key)
    reward = evaluated.get("normalized_score", evaluated.get("reward"))
    # A tracked row may lack fields of its prediction.
    merged = predicted | row
    text = next((row[name] for name in ("original_prediction", "prediction") if row.get(name) is not None), "")
    return {
        "rollout_id": key[2],
        "text": str(text),
        "prediction": predicted.get("prediction"),
        "prediction_id": merged.get("prediction_id") or evaluated.get("prediction_id"),
        "method": merged.get("method"),
        "timestamp": merged.get("timestamp"),
        "rank": _number(day, evaluated.get("ranking"), "ranking"),
        "reward": _number(day, reward, "reward"),
        "immediate_reward": _number(day, merged.get("immediate_reward"), "immediate_reward"),
        "trade_thinking": _number(day, merged.get("trade_thinking_score"), "trade_thinking_score"),
        "composite": _number(day, evaluated.get("composite_reward"), "composite_reward"),
    }


def _number(day: _Day, value: object, name: str) -> float | None:
    if value is None:
        return None
    try:
        return float(str(value))
    except ValueError as error:
        raise InvalidInputError(f"{day.folder}: on {day.date} {name} is {value!r}, not a number") from error


def _utc(written: str | None) -> str | None:
    """A headline's time with its zone; None without a readable time."""
    try:
        moment = dt.datetime.fromisoformat(written or "")
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).isoformat()


def _notes(day: _Day) -> list[str]:
    rollouts = _rollout_rows(day)
    without_outcome = sum(key not in rollouts for key in day.predicted)
    without_rollout = sum(not _lookup(rollouts, key) for key in day.evaluated)
    counts = [
        (day.repeated, "rows repeat the headline, horizon and rollout_id of another; the first one counts"),
        (without_outcome, "predicted rollouts have no outcome and are left out"),
        (without_rollout, "evaluations belong to no rollout and are left out"),
    ]
    return [f"{day.date}: {count} {note}." for count, note in counts if count]
