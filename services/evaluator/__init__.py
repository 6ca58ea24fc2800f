"""Scoring: forecasts against what came after."""
