"""pciops' settings for unit tests and mypy: in memory, independent of the environment."""

from __future__ import annotations

import os
from pathlib import Path

for _name in list(os.environ):
    if _name.startswith(("PCIOPS_", "OS_")):
        del os.environ[_name]

_var = Path(__file__).resolve().parent.parent / "var" / "test" / "unit"
(_var / "static").mkdir(parents=True, exist_ok=True)  # WhiteNoise warns if it is missing

os.environ.update(
    {
        "OS_AUTH_URL": "http://keystone.test:5000/v3",
        "PCIOPS_ENV_FILE": os.devnull,
        "PCIOPS_DATABASE_URL": "sqlite://:memory:",
        "PCIOPS_HTTPS": "no",
        "PCIOPS_KEYSTONE_DATABASE_URL": "sqlite://:memory:",
        "PCIOPS_POLICY_LOCKOUT_DURATION": "1800",
        "PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS": "3",
        "PCIOPS_SECRET_KEY": "of the tests, opens nothing, but is as long as a real one must be",
        "PCIOPS_VAR": str(_var),
    }
)

from pciops.settings import *  # noqa: E402, F403  the environment above must come first
from pciops.settings import DATABASES  # noqa: E402  the same

# Files as they are in static/: nothing is collected for unit tests.
STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}

# Unit tests do not wait.
KEYSTONE_REVOCATION_SECONDS = 0.0
SIGNIN_REFUSAL_SECONDS = 0.0
SHARED_SECONDS = 0  # each read sees what the test has just written

# Unit tests write their rows through the alias that otherwise only reads. tests/live shows on
# MariaDB what a read-only session refuses.
DATABASES["keystone"]["OPTIONS"].pop("init_command")
DATABASES["keystone"]["TEST"] = {"DEPENDENCIES": []}  # it can be created without the other one
