"""Reports as they are kept: encoded, stored, verified, pruned."""

from __future__ import annotations
