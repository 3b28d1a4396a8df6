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
    if address is None or problem(text):
        return ""
    return address


def problem(text: str) -> str:
    """Return why no email may go to a valid address; "" for an invalid one too."""
    address, domains = mail_address(text), settings.MAIL_DOMAINS
    if address is None or not domains or address.rpartition("@")[2] in domains:
        return ""
    return "its domain is not in PCIOPS_MAIL_DOMAINS"
