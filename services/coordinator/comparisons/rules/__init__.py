"""Pure rules of comparisons: figures with intervals, and notes on what makes two sides unlike."""
