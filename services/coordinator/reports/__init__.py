"""What a run came to: figures (pure), the queries behind them, and their rendering."""
