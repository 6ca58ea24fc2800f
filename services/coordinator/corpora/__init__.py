"""Headlines by day: import, checks of dates, and the headlines that settle forecasts."""
