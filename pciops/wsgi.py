"""The WSGI application; checks the settings before the first request."""

from __future__ import annotations

import os
import sys

from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.core.wsgi import get_wsgi_application

from pciops.lib.env import SettingError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pciops.settings")

try:
    application = get_wsgi_application()
    call_command("check")
    if not staticfiles_storage.exists("staticfiles.json"):
        sys.exit("pciops: the static files are missing. Run manage.py collectstatic --noinput")
except (SettingError, SystemCheckError) as error:
    sys.exit(f"pciops: {error}")
