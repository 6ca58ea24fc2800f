"""The local stack: embedded servers and every service as its own process, with all data in one folder."""
