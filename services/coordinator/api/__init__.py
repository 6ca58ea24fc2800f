"""What all routes share: pagination, path and query parameters, idempotency keys."""
