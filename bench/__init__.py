"""Measurements against the bare protocol; no part of script/test."""
