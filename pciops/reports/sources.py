"""The data that the sections of a report share; each source is read once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from pciops.accounts.census import census
from pciops.accounts.census.counting import CLOUD, EVERY, CensusTally
from pciops.accounts.models import Census, CensusGap
from pciops.accounts.policy import compliance
from pciops.accounts.policy import policy as policies
from pciops.accounts.policy.compliance import PolicyFinding
from pciops.accounts.policy.policy import Policy, SourcedPolicy
from pciops.accounts.states import NOT_COVERED
from pciops.audit import selectors
from pciops.audit.models import Event
from pciops.events import liveness
from pciops.events.models import ConsumerSession
from pciops.keystone import database
from pciops.keystone.models import LocalUser, User
from pciops.lib import threads, times
from pciops.reports.account_lists import Directory, PrivilegedLists, Selection, UserLists
from pciops.reports.factor_lists import FactorLists
from pciops.reports.machine_lists import MachineLists
from pciops.reports.models import StoredReport
from pciops.reports.password_lists import PasswordLists
from pciops.reports.roles_before import RolesBefore
from pciops.reports.value import Found, Gap
from pciops.reports.weeks import Week

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, kw_only=True)
class CloudSources:
    """The data that the reports of all weeks and domains built at one time share."""

    now: datetime

    @cached_property
    def policy(self) -> SourcedPolicy:
        """Keystone's policy, by which all reports judge."""
        return policies.current_with_sources()

    @cached_property
    def directory(self) -> Directory:
        """The names of domains and the kinds of accounts."""
        return Directory.read()

    @cached_property
    def tally(self) -> CensusTally:
        """A census of the moment the report is built, without what `PasswordLists` counts."""
        return census.count(policy=self.policy.policy, now=self.now, passwords=False)


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The data of one report."""

    week: Week
    scope: str | None  # a domain's id; None: the whole cloud
    cloud: CloudSources
    before: StoredReport | None = None  # the report of the week before

    def read(self) -> None:
        """Read what takes longest, all at once."""
        _ = self.selection  # reads the policy and the directory, which all of them use
        threads.at_once(
            lambda: self.passwords,
            lambda: (
                *(self.users, self.machines, self.cloud.tally, self.user_rows),
                *(self.privileged, self.enabled_people, self.factors, self.roles_before),
            ),
        )

    @property
    def now(self) -> datetime:
        """The time at which the report is built."""
        return self.cloud.now

    @property
    def until(self) -> datetime:
        """The end of the week, or now if the week is not over."""
        return min(self.week.ends, self.now)

    @property
    def policy(self) -> Policy:
        """Keystone's options."""
        return self.cloud.policy.policy

    @property
    def selection(self) -> Selection:
        """The accounts of the report, and the rules they are judged by."""
        return Selection(
            scope=self.scope, policy=self.policy, now=self.now, directory=self.cloud.directory
        )

    @cached_property
    def users(self) -> UserLists:
        """The lists by activity, and of users without a password in Keystone."""
        return UserLists.read(self.selection)

    @cached_property
    def passwords(self) -> PasswordLists:
        """The lists by the newest passwords."""
        return PasswordLists.read(self.selection)

    @cached_property
    def privileged(self) -> PrivilegedLists:
        """The lists of privileged and exempt accounts."""
        return PrivilegedLists.read(self.selection)

    @cached_property
    def factors(self) -> FactorLists:
        """The lists of accounts without a needed second factor, and of those that pass it."""
        return FactorLists.read(self.selection)

    @cached_property
    def machines(self) -> MachineLists:
        """The local machines that are no service accounts."""
        return MachineLists.read(self.selection)

    @cached_property
    def roles_before(self) -> RolesBefore:
        """The roles of the week before."""
        return RolesBefore(self.before)

    @property
    def programs(self) -> int:
        """The number of service accounts and other machines, local or not."""
        elsewhere = self.users.machines_elsewhere.count
        return self.privileged.services.count + self.machines.rows.count + elsewhere

    @cached_property
    def schedule_gaps(self) -> list[Gap]:
        """The periods without a census, which a worker takes every five minutes."""
        return [
            Gap(source="schedule", begins=begins, ends=ends, words=f"No census was taken. {why}")
            for begins, ends, why in _without_census(self.week.begins, self.until)
        ]

    @cached_property
    def consumer_gaps(self) -> list[Gap]:
        """The periods in which no consumer of Keystone's notifications was connected."""
        ever = ConsumerSession.objects.filter(connected=True).exists()
        why = (
            "The consumer or RabbitMQ was down." if ever else "No consumer has ever been connected."
        )
        words = (
            f"pciops received no notifications from Keystone. {why} It processed later what "
            "waited in its queue."
        )
        return [
            Gap(source="consumer", begins=begins, ends=ends, words=words)
            for begins, ends in liveness.gaps(self.week.begins, self.until)
        ]

    @cached_property
    def without_consumer(self) -> str:
        """Why the notifications of the week are not known, or are not all known; "": they are."""
        return self._absence(
            self.consumer_gaps, "No consumer of Keystone's notifications was connected"
        )

    @cached_property
    def without_worker(self) -> str:
        """Why notices and locks of the week are not known, or not all known; "": they are."""
        return self._absence(self.schedule_gaps, "No worker ran")

    def heard(self, number: int) -> int | None:
        """Return a number of notifications; None instead of 0 if none was received all week."""
        return number or (None if self._absent(self.consumer_gaps) else 0)

    def seen(self, number: int) -> int | None:
        """Return a number that workers found; None instead of 0 if none ran all week."""
        return number or (None if self._absent(self.schedule_gaps) else 0)

    def _absent(self, gaps: list[Gap]) -> bool:
        return self._lost(gaps) >= self.until - self.week.begins

    def _absence(self, gaps: list[Gap], sentence: str) -> str:
        if not gaps:
            return ""
        if self._absent(gaps):
            return f"{sentence} in this week."
        return f"{sentence} for {times.span(self._lost(gaps))} of this week."

    @staticmethod
    def _lost(gaps: list[Gap]) -> timedelta:
        return sum((gap.ends - gap.begins for gap in gaps), timedelta())

    # --- Populations and exceptions that several requirements share -------------------------------
    @property
    def local(self) -> int:
        """The number of local accounts."""
        return self.count(EVERY) - self.count(NOT_COVERED.name)

    @property
    def elsewhere(self) -> int:
        """The number of LDAP and federated accounts."""
        return self.users.not_covered.count

    @property
    def local_people(self) -> int:
        """The number of local accounts that are not machines."""
        services = self.privileged.numbers["services_local"]
        return max(0, self.local - services - self.machines.rows.count)

    @cached_property
    def enabled_people(self) -> int:
        """The number of local accounts that are enabled and not machines."""
        with database.reading():
            rows = LocalUser.objects.filter(user__enabled=True)
            enabled = self.selection.of_domain(rows).count()
        services = self.privileged.numbers["services_enabled"]
        return max(0, enabled - services - self.machines.enabled)

    @property
    def users_not_tested(self) -> tuple[str, ...]:
        """Sentences about the accounts that no list has."""
        unexplained = self.user_rows - self.local - self.elsewhere
        return (
            f"LDAP and federated accounts ({self.elsewhere:,}): Keystone does not store what "
            "this test needs."
            if self.elsewhere
            else "",
            f"{abs(unexplained):,} accounts were created or deleted while the report was built."
            if unexplained
            else "",
        )

    @cached_property
    def user_rows(self) -> int:
        """The number of rows in Keystone's table `user`."""
        with database.reading():
            return self.selection.of_domain(User.objects.all()).count()

    def policy_exceptions(self, requirement: str) -> list[Found]:
        """Return the values of options that do not meet a requirement, on any node."""
        finding = _finding(requirement, self.policy)
        if not finding.passed:
            return [Found(1, f"{finding.value[:1].upper()}{finding.value[1:]}. {finding.reason}")]
        found = []
        for option in finding.options:
            for path, value in self.cloud.policy.disagreements.get(option, ()):
                if isinstance(value, str) and option != "password_regex":
                    continue  # a reference or a value that Keystone refuses
                changed: Any = {option: value}
                other = _finding(requirement, replace(self.policy, **changed))
                if not other.passed:
                    found.append(
                        Found(1, f"In {path}, {option} makes it {other.value}. {other.reason}")
                    )
        return found

    def of_week(self, rows: QuerySet[M], column: str) -> QuerySet[M]:
        """Return the rows of the domain with a time of the week in this column."""
        week = {f"{column}__gte": self.week.begins, f"{column}__lt": self.week.ends}
        return self.selection.of_domain(rows.filter(**week))

    def audit_events(self, *actions: str) -> Iterator[Event]:
        """Yield the acts of the week, the oldest first."""
        return selectors.between(
            self.week.begins, self.week.ends, actions=actions, scope=self.scope
        )

    def count(self, state: str, kind: str = EVERY) -> int:
        """Return how many accounts of a kind are in a state."""
        return self.numbers.get((self.scope or CLOUD, state, kind), 0)

    @cached_property
    def numbers(self) -> Mapping[tuple[str, str, str], int]:
        """Domain id, state, and kind → accounts, as a census of the moment has them."""
        numbers = Counter(self.cloud.tally.numbers)
        for (domain_id, state), number in self.passwords.numbers_by_state.items():
            for counted_for in {self.scope or CLOUD, domain_id}:
                numbers[counted_for, state, EVERY] += number
        return numbers


def _finding(requirement: str, policy: Policy) -> PolicyFinding:
    every = compliance.findings(policy)
    return next(finding for finding in every if finding.requirement == requirement)


def _without_census(begins: datetime, until: datetime) -> Iterator[tuple[datetime, datetime, str]]:
    """Yield the gaps between censuses, and those before the first and after the last."""
    why = "Worker or beat was down, or Keystone's database did not answer."
    rows = CensusGap.objects.filter(begins__lt=until, ends__gt=begins).order_by("begins")
    for row in rows:
        yield max(row.begins, begins), min(row.ends, until), why
    first = Census.objects.order_by("counted_at").first()
    last = Census.objects.order_by("-counted_at").first()
    if first is None or last is None:
        yield begins, until, "None has ever been taken."
        return
    if first.counted_at > begins:
        yield begins, min(first.counted_at, until), "pciops had not started to count."
    if last.counted_at < until - census.STALE:
        yield max(last.counted_at, begins), until, why
