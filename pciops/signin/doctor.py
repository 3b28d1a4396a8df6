"""Doctor checks of the proxies in front, and of the credentials with which commands act."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.utils import timezone

from pciops.keystone import clouds
from pciops.lib import times
from pciops.lib.doctor import CheckResult, check, ok, problem, warning
from pciops.lib.env import SettingError
from pciops.lib.numbers import counted
from pciops.signin import commands, unseen_proxy


@check("proxies", after="database")
def proxies() -> Iterator[CheckResult]:
    """Check that PCIOPS_PROXIES counts the proxies in front."""
    if seen := unseen_proxy.last_seen(timezone.now()):
        sentence = f"{unseen_proxy.SENTENCE} The last one came at {times.dated(seen)}."
        yield warning(sentence, unseen_proxy.REMEDY)
    else:
        yield ok(
            f"{counted(settings.PROXIES, 'proxy', 'proxies')} in front, as far as pciops has seen."
        )


@check("credentials", after="Keystone's API", by_command=True)
def credentials() -> Iterator[CheckResult]:
    """Check that the credentials of OS_CLOUD or OS_*, if any, sign an operator in.

    Only one attempt: loading the status page a few times must not lock the account.
    """
    named = clouds.credential_variable()
    if not named:
        yield ok("None are set (OS_CLOUD, OS_*). Commands act as the operating-system user.")
        return
    remedy = (
        f"Check {named} and the OS_* variables beside it, or unset them. Without credentials, "
        "commands act as the operating-system user."
    )
    try:
        token, rights = commands.sign_in()
    except SettingError as error:
        yield problem(f"{error}.", remedy)
    except commands.NotSignedInError as error:
        yield problem(str(error), remedy)
    else:
        where = f"the domain {rights.domain_name}" if rights.domain_id else "the entire cloud"
        roles = ", ".join(sorted(token.roles))
        yield ok(
            f"{named} signs in {token.user_name} ({token.user_domain_name}), {rights.role} of "
            f"{where} by the roles {roles}."
        )
