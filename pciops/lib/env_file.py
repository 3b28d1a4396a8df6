"""The file of settings, which every command and service of a host reads."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pciops.lib import private
from pciops.lib.env import SettingError, text

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)")
DEFAULT = "/etc/pciops/pciops.env"


def load(name: str, default: str) -> Path:
    """Set the variables of the file that this variable names, and return its path.

    Those of the environment win.
    """
    path, values = read(name, default)
    for variable, value in values.items():
        os.environ.setdefault(variable, value)
    return path


def read(name: str, default: str) -> tuple[Path, dict[str, str]]:
    """Return the path of the file that this variable names, and the variables in it.

    Raises:
        SettingError: if the file cannot be read. The default file may be missing, and so may any
            file before an installation.
    """
    path = Path(text(name, default))
    try:
        content = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if not text(name) or not private.makes_files:
            return path, {}
        raise SettingError(name, f"names {path}, which does not exist", DEFAULT) from None
    except PermissionError:
        problem = (
            f"names {path}, which only root and the user of pciops can read; run this command as "
            "one of them"
        )
        raise SettingError(name, problem, DEFAULT) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        problem = f"names {path}, which cannot be read ({reason})"
        raise SettingError(name, problem, DEFAULT) from None
    return path, parse(content, name, path)


def parse(content: str, name: str, path: Path) -> dict[str, str]:
    """Return the variables in the content of a file that a setting names.

    A line is NAME=VALUE, empty, or a comment after `#`. A value may have quotes around it. No
    variable is expanded, and a backslash is a backslash.

    Raises:
        SettingError: a line is something else. It may have a secret, so it is not repeated.
    """
    values: dict[str, str] = {}
    for number, line in enumerate(content.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        assigned = _ASSIGNMENT.fullmatch(stripped)
        if assigned is None:
            problem = f"names {path}, and its line {number} is not NAME=VALUE"
            raise SettingError(name, problem, DEFAULT)
        values[assigned[1]] = _unquoted(assigned[2])
    return values


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] in "'\"" and value[0] == value[-1]:
        return value[1:-1]
    return value
