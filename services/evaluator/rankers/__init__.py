"""Rankers of the texts of a group. Another one is a module here and an entry of RANKERS in shared/rankers.py."""

from __future__ import annotations

from services.evaluator.rankers.base import Pool, Ranker, Ranking, make_ranker, ranking_by

__all__ = ["Pool", "Ranker", "Ranking", "make_ranker", "ranking_by"]
