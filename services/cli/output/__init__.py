"""What commands print: tables, live progress, Markdown, plots."""
