"""What ends a state, in words, and as a command for whoever has to do it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """What ends a state of an account."""

    sentence: str
    command: str = ""  # for an administrator's shell, its words quoted; "" where none does it


def openstack(*words: str) -> str:
    """A command of python-openstackclient; ids and names in it are text of others."""
    return shlex.join(["openstack", *words])
