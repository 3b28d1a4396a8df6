"""Who acts on the command line, as the trail names them."""

from __future__ import annotations

import os
import pwd

from pciops.audit.models import Event
from pciops.audit.services import Initiator


def operating_system_user() -> Initiator:
    """Whoever has the host; under sudo the person who called it."""
    sudo = os.environ.get("SUDO_UID", "")
    by_sudo = os.getuid() == 0 and sudo.isascii() and sudo.isdigit()
    uid = int(sudo) if by_sudo else os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):  # in a container nobody may know the number
        name = f"uid {uid}"
    return Initiator(type=Event.InitiatorType.OS, via=Event.Via.COMMAND, id=str(uid), name=name)
