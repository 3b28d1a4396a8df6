"""What a list of accounts asks for: its filters, its orders, and their names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from pciops.accounts import by_date
from pciops.accounts.by_date import Days
from pciops.accounts.failing import NEWEST_FAILURE
from pciops.accounts.privileged import AccountKind
from pciops.accounts.search import Search
from pciops.accounts.states import LOCKED, NOT_COVERED
from pciops.accounts.states.state import State
from pciops.accounts.views import BY_FAILURES, AnyOf
from pciops.keystone.models import LocalUser
from pciops.lib.keyset import Column, Order

# Administrators and service accounts first; see `privileged.privileged_rank`.
PRIVILEGED_FIRST: Order[LocalUser] = Order((Column(name="rank", kind=int), *NEWEST_FAILURE.columns))
# Domain by domain, as in the only unique index on names.
BY_NAME: Order[LocalUser] = Order(
    (Column(name="domain_id", kind=str), Column(name="name", kind=str))
)

# The orders as URLs, API and commands name them.
SORT_PRIVILEGED: Final = "privileged"  # privileged accounts first, then the newest failure
SORT_FAILED: Final = "failed"
SORT_DATE: Final = "date"
SORT_NAME: Final = "name"
SORT_ID: Final = "id"
SORTS: Final = (SORT_PRIVILEGED, SORT_FAILED, SORT_DATE, SORT_NAME, SORT_ID)


@dataclass(frozen=True, kw_only=True)
class AccountQuery:
    """The filters and the order of a list of accounts."""

    state: State | None = None
    kind: AccountKind | None = None
    machine: bool | None = None  # used by a program; False: by people; None: both
    domain_id: str = ""
    text: str = ""  # part of a name or of an email address, or an id
    begins: bool = False  # a name begins with the text, or it is an id
    sort: str = ""  # one of `sorts`; "": the first of them
    within: int | None = None  # days from today on, today included; of a list by date
    on: date | None = None  # one day; of a list by date
    view: str = ""  # the open view, if another one has the same states; only for links

    @property
    def search(self) -> Search | None:
        """The search for the text; None without one."""
        return Search(text=self.text, begins=self.begins) if self.text else None

    @property
    def by_failures(self) -> bool:
        """Whether the state depends on failures; such lists are short."""
        if isinstance(self.state, AnyOf):
            return self.state.by_failures
        return self.state in BY_FAILURES

    @property
    def sorts(self) -> tuple[str, ...]:
        """The possible orders; users without a local row come last, in the order of their ids."""
        if self.state is NOT_COVERED:
            return (SORT_ID,)
        if self.state in by_date.DATED:
            return (SORT_DATE,) if self.within or self.on else (SORT_DATE, SORT_NAME)
        if self.state is LOCKED:
            return (SORT_PRIVILEGED, SORT_FAILED, SORT_NAME)
        return (SORT_FAILED, SORT_NAME) if self.by_failures else (SORT_NAME,)

    @property
    def sorted_by(self) -> str:
        """The order by its name in URLs."""
        return self.sort or self.sorts[0]

    @property
    def order(self) -> Order[LocalUser]:
        """The order of rows of LocalUser."""
        orders = {SORT_PRIVILEGED: PRIVILEGED_FIRST, SORT_FAILED: NEWEST_FAILURE}
        return orders.get(self.sorted_by, BY_NAME)

    def days(self, now: datetime) -> Days | None:
        """Return the days of a list by date; None for those that the policy calls soon."""
        if self.on is not None:
            return Days(first=self.on, last=self.on)
        if self.within is None:
            return None
        today = now.astimezone(UTC).date()
        return Days(first=today, last=today + timedelta(days=self.within - 1))

    @property
    def marker_prefix(self) -> str:
        """The start of this list's markers, so that one of another list or order is refused."""
        days = f"{self.within or ''}{self.on or ''}"
        return f"{self.state.name if self.state else 'all'}.{self.sorted_by}{days}."
