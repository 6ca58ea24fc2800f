"""The trade-thinking rubric, and the legacy one. Pure."""
