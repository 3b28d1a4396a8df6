"""Operators: sign-in at Keystone, sessions, roles, and commands."""
