"""The command line for the worst day: nothing but Keystone's database is needed."""

from __future__ import annotations

from tests.support.cloud import ATTEMPTS, Cloud
from tests.support.site import Site
from tests.support.visitor import Visitor, text_of


def test_the_command_unlocks_without_keystones_api(site: Site, cloud: Cloud) -> None:
    locked = cloud.create_locked("sole-administrator")
    with site.keystone_api.shut():
        result = site.manage("unlock", locked.name, "--reason", "Nobody else can get in")

    assert result.code == 0, result.stderr
    assert cloud.sign_in(locked)


def test_the_command_finds_an_account_by_its_id(site: Site, cloud: Cloud) -> None:
    locked = cloud.create_locked()

    result = site.manage("unlock", locked.id, "--reason", "Called back")

    assert result.code == 0, result.stderr
    assert cloud.sign_in(locked)


def test_the_command_asks_which_domain_where_a_name_is_in_two(site: Site, cloud: Cloud) -> None:
    domains = [cloud.create_domain("one"), cloud.create_domain("two")]
    people = [cloud.create_locked("twin", domain=domain) for domain in domains]
    cloud.sql("UPDATE local_user SET name = %s WHERE user_id = %s", people[0].name, people[1].id)

    vague = site.manage("unlock", people[0].name, "--reason", "x")
    exact = site.manage("unlock", people[0].name, "--domain", domains[1].name, "--reason", "x")

    assert vague.code in {1, 2}
    assert "--domain" in vague.stderr
    assert exact.code == 0, exact.stderr
    assert cloud.row(people[0])["failed_auth_count"] == ATTEMPTS
    assert cloud.row(people[1])["failed_auth_count"] == 0


def test_the_command_wants_a_reason(site: Site, cloud: Cloud) -> None:
    locked = cloud.create_locked()

    result = site.manage("unlock", locked.id)

    assert result.code == 2
    assert "--reason" in result.stderr
    assert cloud.row(locked)["failed_auth_count"] == ATTEMPTS


def test_the_command_fails_where_there_is_nothing_to_unlock(site: Site, cloud: Cloud) -> None:
    result = site.manage("unlock", cloud.create_user().id, "--reason", "Called back")

    assert result.code == 1
    assert "not locked" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_command_line_lists_locked_accounts_as_json(site: Site, cloud: Cloud) -> None:
    locked = cloud.create_locked()

    result = site.manage("accounts", "--state", "locked", "--format", "json")

    assert result.code == 0, result.stderr
    assert locked.id in result.stdout


def test_an_unlock_by_command_is_in_the_trail_on_the_page(
    visitor: Visitor, site: Site, cloud: Cloud
) -> None:
    locked = cloud.create_locked()
    site.manage("unlock", locked.id, "--reason", "The only administrator")

    page = text_of(visitor.get(f"/accounts/{locked.id}/"))

    assert "The only administrator" in page
    assert "command line" in page.lower()
