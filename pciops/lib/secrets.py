"""A secret that is made once and kept in a file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from django.core.management.utils import get_random_secret_key

from pciops.lib.env import SettingError


def kept_secret(path: Path) -> str:
    """The secret in this file, made at the first call and readable by its owner alone.

    Raises:
        SettingError: where the file or its folder is not ours to read or to make.
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
    """Several processes may do this at once: a hard link appears whole, and only one can."""
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(get_random_secret_key())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was a moment faster; its secret is the one that is kept
    finally:
        os.unlink(draft)
