"""Checks that Keystone sends notifications, and that a consumer receives them."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.utils import timezone
from kombu import Connection

from pciops.accounts.policy import policy as policies
from pciops.events import liveness, search
from pciops.events.intake import broker, keystone_options
from pciops.lib import times
from pciops.lib.doctor import TIMEOUT, CheckResult, check, ok, problem, warning
from pciops.lib.env import SettingError

NOT_SET_UP = "pciops can't show the source and client of a lock, who changed an account, or attacks"


@check("notifications")
def notifications() -> Iterator[CheckResult]:
    """Check that RabbitMQ answers, and that our queue exists and is not full."""
    urls = settings.NOTIFICATIONS_URLS
    if not urls and liveness.liveness(timezone.now()).running:
        yield ok("The demo receives them without RabbitMQ.")
        return
    if not urls:
        yield warning(
            f"{NOT_SET_UP}: pciops reads no notifications.",
            "Set PCIOPS_NOTIFICATIONS_URL and start pciops consume_events (docs/events.md).",
        )
        return
    links: list[Connection] = []
    for url in urls:
        try:
            links.append(broker.connect(url, timeout=TIMEOUT))
        except broker.BrokerError as error:
            level = warning if links or len(urls) > 1 else problem
            yield level(
                f"{error}.",
                "Check PCIOPS_NOTIFICATIONS_URL and the RabbitMQ that it names. Everything "
                "except sign-ins and changes in Keystone works without it.",
            )
    if links:
        yield _queue(links[0])
    elif len(urls) > 1:
        yield problem("None of the nodes answers.", "Check the RabbitMQ of the cloud.")
    for link in links:
        link.release()


def _queue(link: Connection) -> CheckResult:
    node, name = broker.address(link), settings.NOTIFICATIONS_QUEUE
    running = liveness.liveness(timezone.now()).running
    try:
        queue = link.default_channel.queue_declare(name, passive=True)
    except link.channel_errors:
        return warning(
            f"{node} answers, but has no queue {name!r}.",
            "A consumer is running and creates the queue when it connects. Check its log."
            if running
            else "Start pciops consume_events.",
        )
    waiting = int(queue.message_count)
    if waiting > settings.NOTIFICATIONS_QUEUE_LENGTH // 2:
        return problem(
            f"{waiting} notifications wait at {node}. RabbitMQ drops the oldest beyond "
            f"{settings.NOTIFICATIONS_QUEUE_LENGTH}.",
            "A consumer is running but too slow. Start another one."
            if running
            else "Start pciops consume_events.",
        )
    return ok(f"{node} answers. {waiting} notifications wait.")


@check("consumer", after="database")
def consumer() -> Iterator[CheckResult]:
    """Check that a consumer is running and connected, and that there are no dead letters."""
    if not settings.NOTIFICATIONS_URLS:
        return
    now = timezone.now()
    state = liveness.liveness(now)
    since = f"since {times.both(state.until, now)}" if state.until else "yet"
    if not state.running:
        yield problem(
            f"No consumer is running: no events {since}.",
            "Start pciops consume_events (docs/events.md).",
        )
    elif not state.connected:
        yield problem(
            f"It is not connected: {state.error}. No events {since}.",
            "It reconnects automatically.",
        )
    else:
        last = state.last_message_at
        came = times.both(last, now) if last else "never so far"
        yield ok(f"It is connected. The last notification arrived {came}.")
    yield from _dead_letters()


def _dead_letters() -> Iterator[CheckResult]:
    newest = search.dead_letters().first()
    if newest is not None:
        last = times.both(newest.last_at, timezone.now())
        yield warning(
            f"{search.dead_letter_count()} messages could not be processed, the last {last}: "
            f"{newest.reason}.",
            "pciops set_aside lists them.",
        )


@check("keystone.conf")
def keystone_conf() -> Iterator[CheckResult]:
    """Check that Keystone sends all that pciops needs."""
    if not settings.NOTIFICATIONS_URLS:
        return
    if not settings.KEYSTONE_CONF:
        yield warning(
            "pciops doesn't know what Keystone sends, because it has no keystone.conf.",
            "Set PCIOPS_KEYSTONE_CONF. docs/events.md lists the options that keystone.conf needs.",
        )
        return
    try:
        options, policy = keystone_options.current_options(), policies.current()
    except SettingError:
        return  # the check of the policy reports it
    missing = list(keystone_options.missing_options(options, policy))
    for option in missing:
        yield warning(option.sentence, option.remedy)
    if not missing:
        yield ok("Keystone sends everything that pciops needs.")
