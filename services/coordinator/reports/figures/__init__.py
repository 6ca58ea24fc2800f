"""Figures of a report, from rows to dataclasses. Pure."""
