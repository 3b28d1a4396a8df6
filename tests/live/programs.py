"""Programs that the live tests run and that are not Python's."""

from __future__ import annotations

import os
import shutil

import pytest

# Words before a command: Linux ends it when whoever started it is gone, even by SIGKILL.
ENDS_WITH_US = ("setpriv", "--pdeathsig=TERM")


def program(name: str, *, package: str) -> str:
    """Where a program is. A test that needs one which is missing fails: it is never skipped."""
    # Debian keeps servers out of a user's PATH.
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        pytest.fail(f"{name} is missing: run script/test, or apt-get install {package}.", False)
    return found
