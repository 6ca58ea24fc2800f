"""The command `morrow`."""
