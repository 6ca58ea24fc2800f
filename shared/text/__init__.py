"""Untrusted text made safe for terminals, logs, prompts and cells. Pure."""
