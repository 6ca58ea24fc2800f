"""Files that users bring or take: headlines, closes, runs in the legacy layout."""
