"""Statistics that several features use. Pure."""
