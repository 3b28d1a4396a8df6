"""Marks that the remark of an act begins with; alerts find the act by them."""

from __future__ import annotations

from typing import Final

ADMINISTRATOR: Final = "unlock of an administrator"
BEYOND_LIMIT: Final = "beyond the limit of unlocks"
BREAK_GLASS: Final = "break-glass command: no rights or limits were checked"
