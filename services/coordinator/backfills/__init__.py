"""Runs as users see them: plan, create, control and show a backfill."""
