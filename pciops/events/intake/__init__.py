"""From RabbitMQ into our tables: connect, parse, aggregate, record."""

from __future__ import annotations
