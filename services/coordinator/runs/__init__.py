"""Rows of runs, days and steps: locks, queries and state transitions.

Locks are taken in one order everywhere, so that no two transactions deadlock: the run's row, then its steps', then
aliases'.
"""
