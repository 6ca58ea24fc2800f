"""What a run came to: figures (pure), the queries behind them, their rendering, and the legacy files."""
