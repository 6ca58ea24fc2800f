"""Daily closes that claims are settled against."""
