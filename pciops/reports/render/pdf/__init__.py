"""The report as PDF."""

from __future__ import annotations
