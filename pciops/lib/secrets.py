"""A secret that is generated once and kept in a file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from django.core.management.utils import get_random_secret_key

from pciops.lib.env import SettingError


def kept_secret(path: Path) -> str:
    """Return the secret in this file; the first call generates it, readable only by its owner.

    Raises:
        SettingError: if the file or its folder cannot be read or created.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        return path.read_text(encoding="ascii")
    except OSError as error:
        problem = f"is a folder in which {path.name} cannot be kept ({error.strerror})"
        raise SettingError("PCIOPS_VAR", problem, "/var/lib/pciops") from None


def _make(path: Path) -> None:
    """Create the file by a hard link: it appears complete, and only one process succeeds."""
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(get_random_secret_key())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was faster, and its secret is kept
    finally:
        os.unlink(draft)
