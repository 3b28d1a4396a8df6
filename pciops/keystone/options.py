"""Ids of Keystone's user options (keystone.identity.backends.resource_options)."""

from __future__ import annotations

from typing import Final

IGNORE_CHANGE_PASSWORD: Final = "1000"  # noqa: S105 (an id, no password)
IGNORE_PASSWORD_EXPIRY: Final = "1001"  # noqa: S105 (an id, no password)
IGNORE_LOCKOUT: Final = "1002"
LOCK_PASSWORD: Final = "1003"  # noqa: S105 (an id, no password)
IGNORE_USER_INACTIVITY: Final = "1004"
MFA_RULES: Final = "MFAR"
MFA_ENABLED: Final = "MFAE"

# The options that exempt an account from a rule, by their names in the API and in keystone.conf.
EXEMPTIONS: Final = {
    IGNORE_CHANGE_PASSWORD: "ignore_change_password_upon_first_use",
    IGNORE_PASSWORD_EXPIRY: "ignore_password_expiry",
    IGNORE_LOCKOUT: "ignore_lockout_failure_attempts",
    IGNORE_USER_INACTIVITY: "ignore_user_inactivity",
}
