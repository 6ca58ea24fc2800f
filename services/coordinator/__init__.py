"""The coordinator, the only owner of Postgres: REST API, scheduling, leases, reports. One folder per feature."""
