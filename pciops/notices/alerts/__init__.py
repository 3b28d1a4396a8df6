"""Alerts to operators: what is wrong now, and unlocks that they should know of."""
