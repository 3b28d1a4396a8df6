#!/usr/bin/env python
"""Django's command line for pciops."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pciops.settings")

    from django.core.management import execute_from_command_line

    from pciops.lib import logs
    from pciops.lib.env import SettingError

    logs.request_id.set(logs.new_request_id())
    try:
        execute_from_command_line(sys.argv)
    except SettingError as error:
        print(f"pciops: {error}", file=sys.stderr)
        sys.exit(2)
