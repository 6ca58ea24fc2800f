"""Two checkpoints or runs side by side, with bootstrap intervals of their differences."""
