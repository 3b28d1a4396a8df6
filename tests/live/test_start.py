"""A setting that makes no sense ends the start, with its name and an example that works."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.processes import ROOT
from tests.support.site import Site


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("PCIOPS_HTTPS", "maybe"),
        ("PCIOPS_IDLE_MINUTES", "an hour"),
        ("PCIOPS_KEYSTONE_DATABASE_URL", "db.example/keystone"),
        ("PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS", "six"),
        ("PCIOPS_POLICY_LOCKOUT_FAILURES", "6"),
        ("PCIOPS_KEYSTONE_CONF", "/nowhere/keystone.conf"),
        ("OS_AUTH_URL", "keystone.example:5000"),
    ],
)
def test_a_command_says_which_setting_makes_no_sense(site: Site, setting: str, value: str) -> None:
    result = site.manage("check", **{setting: value})

    assert result.code != 0
    assert setting in result.stderr
    assert "Traceback" not in result.stderr


def test_the_server_ends_and_says_which_setting_makes_no_sense(site: Site) -> None:
    server = subprocess.run(
        [
            *(sys.executable, "-m", "gunicorn", "pciops.wsgi:application"),
            # One worker: where two end at once, gunicorn 27 may trip over the second's signal.
            *("--bind", "127.0.0.1:0", "--workers", "1", "--no-control-socket"),
        ],
        cwd=ROOT,
        env={**site.environment, "PCIOPS_HTTPS": "maybe"},
        capture_output=True,
        text=True,
        timeout=60,  # one that goes on starting workers is stopped, and has failed
        check=False,
    )

    assert server.returncode != 0
    assert "PCIOPS_HTTPS is 'maybe'" in server.stderr
    assert "Example: PCIOPS_HTTPS=yes" in server.stderr
    assert "Traceback" not in server.stderr


def test_the_check_is_silent_where_all_is_well(site: Site) -> None:
    result = site.manage("check", "--deploy", "--fail-level", "ERROR")

    assert result.code == 0, result.stderr
