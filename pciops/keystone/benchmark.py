"""The token benchmark: how fast a Keystone creates and validates tokens, one at a time and many.

Each token is validated once, with another token, as services do: Keystone answers a repeated
validation from its cache, and does not look at its revocation events then.
"""

from __future__ import annotations

import math
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from keystoneauth1.session import Session

from pciops.keystone import client

T = TypeVar("T")
R = TypeVar("R")
MAX_ERRORS: Final = 20  # of one measurement; after that many it ends


@dataclass(frozen=True, kw_only=True)
class BenchmarkSize:
    """The numbers of requests; the defaults are those of the benchmark that operators know."""

    serial: int = 200  # tokens to create and to validate, one after the other
    tokens: int = 1000  # to create, several at once
    validations: int = 500  # of these tokens, several at once
    concurrency: int = 20  # requests at once

    @property
    def created(self) -> int:
        """Return the number of tokens in all, with the one that validates the others."""
        return 1 + self.serial + self.tokens

    @property
    def validated(self) -> int:
        """Return the number of validations in all."""
        return self.serial + self.validations


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """The times of equal requests.

    Attributes:
        what: `create` or `validate`.
        times: seconds of each request that succeeded, sorted.
        seconds: from the first request to the end of the last.
    """

    what: str
    concurrency: int
    times: Sequence[float]
    errors: int
    seconds: float

    @property
    def median(self) -> float | None:
        """Return the median in seconds; None if no request succeeded."""
        return statistics.median(self.times) if self.times else None

    @property
    def p95(self) -> float | None:
        """Return the 95th percentile in seconds; None if no request succeeded."""
        return percentile(self.times, 95)

    @property
    def per_second(self) -> float:
        """Return the number of requests that succeeded in a second."""
        return len(self.times) / self.seconds

    @property
    def as_row(self) -> dict[str, Any]:
        """Return the figures, times in milliseconds, for a table and for JSON."""
        return {
            "what": self.what,
            "at_once": self.concurrency,
            "count": len(self.times),
            "errors": self.errors,
            "median_ms": _milliseconds(self.median),
            "p95_ms": _milliseconds(self.p95),
            "per_second": round(self.per_second, 1),
        }


def run(connect: Callable[[], Session], size: BenchmarkSize) -> Iterator[Measurement]:
    """Yield the measurements as they come.

    Args:
        connect: returns a new session with credentials; each thread gets its own.

    Raises:
        KeystoneError: the credentials are refused, or `MAX_ERRORS` requests failed.
    """
    sessions = [connect() for _ in range(size.concurrency)]
    asking = client.issue(sessions[0])
    for several, created, validated in (
        (sessions[:1], size.serial, size.serial),
        (sessions, size.tokens, size.validations),
    ):
        measurement, tokens = create(several, created)
        yield measurement
        yield validate(several, asking, tokens[:validated])


def create(sessions: Sequence[Session], number: int) -> tuple[Measurement, list[str]]:
    """Create tokens with as many requests at once as there are sessions, and return them, too.

    Raises:
        KeystoneError: as `run`.
    """
    return _measured("create", sessions, range(number), lambda session, _: client.issue(session))


def validate(sessions: Sequence[Session], asking: str, tokens: Sequence[str]) -> Measurement:
    """Validate each of the tokens once, with the token `asking`.

    Raises:
        KeystoneError: as `run`.
    """
    return _measured(
        "validate", sessions, tokens, lambda session, token: client.check(session, asking, token)
    )[0]


def percentile(times: Sequence[float], percent: int) -> float | None:
    """Return the nearest-rank percentile of sorted times; None if there are none."""
    return times[math.ceil(len(times) * percent / 100) - 1] if times else None


def _measured(
    what: str, sessions: Sequence[Session], items: Iterable[T], request: Callable[[Session, T], R]
) -> tuple[Measurement, list[R]]:
    """Send a request for each item, and return the times and the results."""
    waiting = deque(items)
    times: list[float] = []
    results: list[R] = []
    errors: list[client.UnreachableError] = []

    def work(session: Session) -> None:
        while len(errors) < MAX_ERRORS:
            try:
                item = waiting.popleft()
            except IndexError:
                return
            begun = time.perf_counter()
            try:
                results.append(request(session, item))
            except client.UnreachableError as error:
                errors.append(error)
            except client.KeystoneError:
                waiting.clear()  # each further refusal would count towards a lock of the account
                raise
            else:
                times.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    with ThreadPoolExecutor(len(sessions)) as pool:
        list(pool.map(work, sessions))
    seconds = time.perf_counter() - begun
    if len(errors) >= MAX_ERRORS:
        raise client.UnreachableError(f"{len(errors)} requests failed, the last one: {errors[-1]}")
    measurement = Measurement(
        what=what,
        concurrency=len(sessions),
        times=sorted(times),
        errors=len(errors),
        seconds=seconds,
    )
    return measurement, results


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
