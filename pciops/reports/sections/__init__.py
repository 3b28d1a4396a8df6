"""What the report says: one module per requirement, in the order of the report."""

from __future__ import annotations
