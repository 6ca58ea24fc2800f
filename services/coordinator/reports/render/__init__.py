"""A report as Markdown, JSON or CSV. Pure."""
