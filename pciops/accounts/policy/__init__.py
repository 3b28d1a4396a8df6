"""Keystone's security compliance policy: its source, its comparison with PCI DSS, and what-if."""

from __future__ import annotations
