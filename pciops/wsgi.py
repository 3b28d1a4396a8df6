"""The WSGI application; checks the settings before the first request."""

from __future__ import annotations

import os
import sys
from io import StringIO
from typing import NoReturn

from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.core.wsgi import get_wsgi_application

from pciops.lib.env import SettingError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pciops.settings")

APP_LOAD_ERROR = 4  # gunicorn ends on it; on any other code it starts workers for ever


def refuse(sentence: object) -> NoReturn:
    """End the start with one sentence."""
    sys.stderr.write(f"pciops: {sentence}\n")
    sys.exit(APP_LOAD_ERROR)


try:
    application = get_wsgi_application()
    call_command("check", stdout=StringIO())  # no line for the log
except (SettingError, SystemCheckError) as error:
    refuse(error)
if not staticfiles_storage.exists("staticfiles.json"):
    refuse("the static files are missing. Run pciops collectstatic --noinput")

from pciops.actions import recovery  # noqa: E402  models can be imported from here on

recovery.begin()
