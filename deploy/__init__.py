"""How Morrow is deployed; the checks of it are in deploy.checks."""
