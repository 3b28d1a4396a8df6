"""Files that people edit while pciops runs."""

from __future__ import annotations

from pathlib import Path


def file_stamp(path: str) -> object:
    """Return a value that changes when the file does; None if there is no such file."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
