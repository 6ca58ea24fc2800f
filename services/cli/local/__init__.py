"""The embedded stack: real servers and every service as a process of its own, below one folder."""
