"""Metrics for Prometheus: docs/operations.md lists them."""
