"""One report as HTML, PDF, CSV and JSON."""

from __future__ import annotations
