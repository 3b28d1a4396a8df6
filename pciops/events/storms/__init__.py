"""Lockout storms, and the alerts about them."""
