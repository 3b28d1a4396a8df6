"""Counts of all accounts by state, domain and kind, taken over time."""
