"""The command line for the worst day, which needs only Keystone's database; and bad settings."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.cloud import ATTEMPTS, Cloud
from tests.support.processes import ROOT
from tests.support.site import Result, Site
from tests.support.visitor import Visitor, text_of


def unlock(site: Site, account: str, *options: str) -> Result:
    """Run `pciops unlock` with a reason."""
    return site.manage("unlock", account, "--reason", "The only administrator", *options)


# --- Unlock -------------------------------------------------------------------------------------
def test_the_command_unlocks_by_name_without_keystones_api(
    site: Site, visitor: Visitor, cloud: Cloud
) -> None:
    locked = cloud.create_locked("sole-administrator")
    with site.keystone_api.down():
        result = unlock(site, locked.name)

    assert result.code == 0, result.stderr
    assert cloud.sign_in(locked)
    page = text_of(visitor.get(f"/accounts/{locked.id}/"))
    assert "The only administrator" in page
    assert "command line" in page.lower()


def test_the_command_finds_an_account_by_its_id(site: Site, cloud: Cloud) -> None:
    locked = cloud.create_locked()

    result = unlock(site, locked.id)

    assert result.code == 0, result.stderr
    assert cloud.sign_in(locked)


def test_a_name_in_two_domains_needs_the_option_domain(site: Site, cloud: Cloud) -> None:
    domains = [cloud.create_domain("one"), cloud.create_domain("two")]
    people = [cloud.create_locked("twin", domain=domain) for domain in domains]
    cloud.sql("UPDATE local_user SET name = %s WHERE user_id = %s", people[0].name, people[1].id)

    ambiguous = unlock(site, people[0].name)
    exact = unlock(site, people[0].name, "--domain", domains[1].name)

    assert ambiguous.code in {1, 2}
    assert "--domain" in ambiguous.stderr
    assert exact.code == 0, exact.stderr
    assert cloud.row(people[0])["failed_auth_count"] == ATTEMPTS
    assert cloud.row(people[1])["failed_auth_count"] == 0


def test_the_command_requires_a_reason(site: Site, cloud: Cloud) -> None:
    locked = cloud.create_locked()

    result = site.manage("unlock", locked.id)

    assert result.code == 2
    assert "--reason" in result.stderr
    assert cloud.row(locked)["failed_auth_count"] == ATTEMPTS


def test_the_command_fails_if_the_account_is_not_locked(site: Site, cloud: Cloud) -> None:
    result = unlock(site, cloud.create_user().id)

    assert result.code == 1
    assert "not locked" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_command_lists_locked_accounts_as_json(site: Site, cloud: Cloud) -> None:
    locked = cloud.create_locked()

    result = site.manage("accounts", "--state", "locked", "--format", "json")

    assert result.code == 0, result.stderr
    assert locked.id in result.stdout


# --- Settings -----------------------------------------------------------------------------------
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
def test_a_command_names_the_invalid_setting(site: Site, setting: str, value: str) -> None:
    result = site.manage("check", **{setting: value})

    assert result.code != 0
    assert setting in result.stderr
    assert "Traceback" not in result.stderr


def test_the_server_names_the_invalid_setting_and_exits(site: Site) -> None:
    server = subprocess.run(
        [
            *(sys.executable, "-m", "gunicorn", "pciops.wsgi:application"),
            # One worker: if two end at once, gunicorn 27 may trip over the second's signal.
            *("--bind", "127.0.0.1:0", "--workers", "1", "--no-control-socket"),
        ],
        cwd=ROOT,
        env={**site.environment, "PCIOPS_HTTPS": "maybe"},
        capture_output=True,
        text=True,
        timeout=60,  # a server that keeps starting workers is stopped, and has failed
        check=False,
    )

    assert server.returncode != 0
    assert "PCIOPS_HTTPS is 'maybe'" in server.stderr
    assert "Example: PCIOPS_HTTPS=yes" in server.stderr
    assert "Traceback" not in server.stderr


def test_the_check_passes_with_valid_settings(site: Site) -> None:
    result = site.manage("check", "--deploy", "--fail-level", "ERROR")

    assert result.code == 0, result.stderr
