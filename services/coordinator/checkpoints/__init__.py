"""Published checkpoints: recording, verification, and the aliases that point to them."""
