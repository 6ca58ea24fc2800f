"""The report of a run: figures (pure), queries, rendering (pure)."""
