"""Engines, promotions, and forecasts on demand."""
