"""A check of mail: whether there is a server, and whether it can be reached."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Final

from django.conf import settings

from pciops.accounts import selectors
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib.doctor import CheckResult, check, ok, problem, warning
from pciops.notices import domain_file

PATIENCE: Final = 5  # seconds


@check("mail")
def mail() -> Iterator[CheckResult]:
    """The SMTP server takes a connection."""
    server = settings.MAIL_SERVER
    if server is None:
        yield warning(
            "No mail is sent: there is no server. Notices stay due.",
            "Set PCIOPS_EMAIL_URL and PCIOPS_MAIL_FROM.",
        )
        return
    if server.folder:
        yield ok(f"Mails become files in {server.folder}.")
        return
    try:
        socket.create_connection((server.host, server.port), timeout=PATIENCE).close()
    except OSError as error:
        yield problem(
            f"{server.host}:{server.port} takes no connection: {error.strerror or error}.",
            "Notices stay due until it does. Look at the server, or correct PCIOPS_EMAIL_URL.",
        )
    else:
        yield ok(f"{server.host}:{server.port} takes connections.")


@check("digest")
def digest() -> Iterator[CheckResult]:
    """Somebody gets the daily digest, and contacts are of domains that exist."""
    if settings.MAIL_SERVER is not None:
        if settings.DIGEST_RECIPIENTS:
            number = len(settings.DIGEST_RECIPIENTS)
            yield ok(f"The cloud's digest goes to {number} address{'' if number == 1 else 'es'}.")
        else:
            yield warning(
                "Nobody gets the cloud's daily digest.",
                "Set PCIOPS_DIGEST_RECIPIENTS to the addresses of those who run the cloud.",
            )
    try:
        unknown = domain_file.unknown(selectors.domains(scope=None))
    except KeystoneDatabaseDownError:
        return  # another check says so
    for name in unknown:
        yield warning(
            f"PCIOPS_NOTICE_DOMAINS has [{name}], and Keystone has no such domain.",
            "Its rules reach nobody, and its contacts hear nothing: correct the name or id.",
        )
