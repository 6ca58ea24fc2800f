"""Lists of steps, rollouts, scores, events and logs of a run."""
