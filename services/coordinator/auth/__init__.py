"""Tokens and scopes: who may call which route, and how often."""
