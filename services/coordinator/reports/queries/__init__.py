"""Database reads of a report."""
