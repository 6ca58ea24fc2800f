"""Queries behind the figures of a report."""
