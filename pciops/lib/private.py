"""The folder of pciops' own files, and a secret that is kept there."""

from __future__ import annotations

import getpass
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from django.core.management.utils import get_random_secret_key

from pciops.lib.env import SettingError, text

# A command that runs before anything is installed makes no file, whoever runs it.
makes_files = True


def private_folder(name: str, default: str) -> Path:
    """Return the folder, created or made readable for its owner only.

    A folder that cannot be created or changed stays as it is: what needs it reports that.

    Raises:
        SettingError: if it, or an entry of it, belongs to another user, who keeps ours out.
    """
    path = Path(text(name, default)).resolve()
    if not makes_files:
        return path
    with suppress(OSError):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (mode := path.stat().st_mode) & 0o077:
            path.chmod(mode & 0o700)
    if os.path.isdir(path):  # unlike the method, also if it may not be looked at
        _require_ours(name, path)
    return path


def _require_ours(name: str, folder: Path) -> None:
    """Refuse what a command that root ran once has left: the user of the services can't open it."""
    closed = [folder] if not os.access(folder, os.R_OK | os.W_OK | os.X_OK) else []
    closed = closed or [path for path in folder.iterdir() if not os.access(path, os.R_OK)]
    if closed:
        user = getpass.getuser()
        problem = (
            f"is {folder}, and the user {user} can't access {closed[0]}, which belongs to "
            f"{_owner(closed[0])}. Run every command and service as the same user. To give "
            f"everything to {user}, run as root: chown -R {user}: {folder}"
        )
        raise SettingError(name, problem, str(folder))


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except (KeyError, OSError):  # a user of another host, or a dangling link
        return "another user"


def kept_secret(path: Path) -> str:
    """Return the secret in this file; the first call generates it, readable only by its owner.

    Raises:
        SettingError: if the file or its folder cannot be read or created.
    """
    if not makes_files:
        return get_random_secret_key()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _create_secret(path)
        return path.read_text(encoding="ascii")
    except OSError as error:
        problem = f"is a folder in which pciops can't keep {path.name} ({error.strerror})"
        raise SettingError("PCIOPS_VAR", problem, "/var/lib/pciops") from None


def _create_secret(path: Path) -> None:
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
