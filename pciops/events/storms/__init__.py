"""Possible attacks: many accounts locked, or many unknown usernames tried, at once."""

from __future__ import annotations
