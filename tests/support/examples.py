"""How many examples hypothesis makes up for a test; its profiles are in tests/conftest.py."""

from __future__ import annotations

from hypothesis import HealthCheck, settings


def some(percent: int) -> settings:
    """Return settings for a test whose examples are expensive: it gets this part of them."""
    return settings(
        max_examples=max(settings().max_examples * percent // 100, 2),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
