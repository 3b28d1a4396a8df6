"""Counts of all accounts by state, domain and kind, taken over time."""

from __future__ import annotations
