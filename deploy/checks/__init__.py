"""Checks of deployments against the code: `python -m deploy.checks.kubernetes`, `…compose`, `…audit`."""
