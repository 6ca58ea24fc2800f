"""The rows behind the scheduler and the step protocol.

Locks are taken in one order everywhere, so that nothing deadlocks: the run's row, then its steps', then aliases'.
"""
