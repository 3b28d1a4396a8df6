"""Remedies of states: a sentence, and a command for an administrator's shell."""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """The way to end a state of an account."""

    sentence: str
    command: str = ""  # for an administrator's shell, quoted; "" if no command ends the state


def openstack(*words: str) -> str:
    """Return a command of python-openstackclient, with untrusted ids and names quoted."""
    return shlex.join(["openstack", *words])
