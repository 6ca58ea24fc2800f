"""A recorded run read from the legacy file layout."""
