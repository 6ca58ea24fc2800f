"""What a forecast says: parsing, claims and their settlement, originality, leaks, degeneration. Pure."""
