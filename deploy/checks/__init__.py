"""What is deployed names nothing that the code does not have: `python -m deploy.checks.kubernetes`, `…compose`."""
