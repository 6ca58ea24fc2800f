"""The days of a run in the legacy file layout."""
