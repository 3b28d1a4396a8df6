"""The settings of the demo: those of a site, with this package and its commands."""

from __future__ import annotations

from pciops.settings import *  # noqa: F403  a settings module is one namespace
from pciops.settings import INSTALLED_APPS as _SITE_APPS

INSTALLED_APPS = [*_SITE_APPS, "pciops.demo"]
