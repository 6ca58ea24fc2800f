"""Figures of a report, computed from rows. Pure."""
