"""Rankers: how the texts of a group are ordered. One interface; a further one is a module and an entry of RANKERS."""

from __future__ import annotations

from services.evaluator.rankers.base import Pool, Ranker, Standing, make_ranker, standing_by

__all__ = ["Pool", "Ranker", "Standing", "make_ranker", "standing_by"]
