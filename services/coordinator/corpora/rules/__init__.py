"""Pure rules of corpora: rows, dates and flags of headlines."""
