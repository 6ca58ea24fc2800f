"""A report as JSON, CSV or Markdown. Pure."""
