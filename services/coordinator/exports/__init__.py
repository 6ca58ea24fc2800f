"""A run written in the legacy file layout."""
