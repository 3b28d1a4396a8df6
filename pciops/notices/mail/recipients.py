"""Addresses from outside: which of them an email may go to.

Owners of accounts and operators choose their own address in Keystone. PCIOPS_MAIL_DOMAINS limits
these addresses to the domains of the site. Addresses in settings are not limited.
"""

from __future__ import annotations

from django.conf import settings

from pciops.lib.addresses import mail_address


def allowed(text: str) -> str:
    """Return the text as one valid address in an allowed domain, or ""."""
    address = mail_address(text)
    return "" if address is None or _foreign(address) else address


def problem(text: str) -> str:
    """Return why no email may go to a valid address; "" for an invalid one too."""
    address = mail_address(text)
    if address is None or not _foreign(address):
        return ""
    return "its domain is not in PCIOPS_MAIL_DOMAINS"


def _foreign(address: str) -> bool:
    """Return whether the address is outside of the domains of the site."""
    domains = settings.MAIL_DOMAINS
    return bool(domains) and address.rpartition("@")[2] not in domains
