"""Keystone: its tables (read-only), its API, and the one UPDATE."""
