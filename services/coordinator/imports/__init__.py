"""Runs recorded in the legacy file layout, stored so that their scores can be recomputed."""
