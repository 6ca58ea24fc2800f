"""The model: its loaded weights (base, adapters, full models) and its attention."""
