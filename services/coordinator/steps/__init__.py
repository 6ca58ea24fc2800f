"""The worker protocol: tasks, leases, results, the outbox to the queue."""
