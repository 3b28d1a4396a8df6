"""The authority of an operator: which accounts they may act on at all, whatever the act."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pciops.accounts.standing import standing_of


@dataclass(frozen=True, kw_only=True)
class Authority:
    """The rights of an operator in the scope in which they act, as far as acts depend on them."""

    user_id: str  # in Keystone
    administers: bool  # False: the help desk
    domain_id: str | None  # None: the whole cloud
    on_host: bool = False  # a user of the pciops host without rights in Keystone: break-glass

    @property
    def administers_cloud(self) -> bool:
        """Whether they administer the whole cloud, signed in with Keystone."""
        return self.administers and self.domain_id is None and not self.on_host

    def why_not(self, account_id: str) -> str:
        """Return why the account has more rights than they have; or "".

        The sentence names no role and no domain: the operator may not see those of other domains.

        Raises:
            KeystoneDatabaseDownError
        """
        if self.administers and self.domain_id is None:
            return ""
        standing = standing_of(account_id)
        if standing.administers and not self.administers:
            return "The account holds an administrator role. Only an administrator can act on it."
        if self.domain_id is not None and (standing.administers | standing.helps) - {
            self.domain_id
        }:
            return (
                "The account holds an operator role outside your domain. Only an administrator "
                "of the entire cloud can act on it."
            )
        return ""


# Users of the pciops host can change its database anyway: there is nothing to check.
HOST: Final = Authority(user_id="", administers=True, domain_id=None, on_host=True)
