"""Pure rules of comparisons: figures and notes."""
