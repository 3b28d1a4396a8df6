"""The folders that pciops ships beside its code, and files that people edit while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent.parent
INSTALLED: Final = (_PACKAGE / "templates").is_dir()  # else this is a checkout


def shipped(name: str) -> Path:
    """Return `templates` or `static`: within an installed package, beside that of a checkout."""
    return (_PACKAGE if INSTALLED else _PACKAGE.parent) / name


def file_stamp(path: str) -> object:
    """Return a value that changes when the file does; None if there is no such file."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
