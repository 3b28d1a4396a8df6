"""Settings, read from environment variables.

A comment that begins with `#:` is the meaning of the next setting in docs/settings.md, which
script/settings prints.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pciops.keystone import releases
from pciops.lib import caches, env, env_file, files, logs, networks, private
from pciops.lib.csp import NONE, SELF
from pciops.lib.databases import DatabaseConfig, database, databases
from pciops.lib.patterns import pattern
from pciops.lib.times import WEEKDAYS

# Every entry point reads the settings before it creates a file: nothing is for other users.
os.umask(0o077)

# --- Files --------------------------------------------------------------------------------------
#: The file that holds settings, one `NAME=VALUE` a line. Set this one in the environment.
#: Default: `/etc/pciops/pciops.env`.
ENV_FILE = env_file.load("PCIOPS_ENV_FILE", env_file.DEFAULT)

ROOT = Path(__file__).resolve().parent.parent
#: The folder for pciops' own files: SQLite database, keys, static files, messages.
#: Default: `/var/lib/pciops`; in a checkout `var/`.
VAR = private.private_folder(
    "PCIOPS_VAR", "/var/lib/pciops" if files.INSTALLED else str(ROOT / "var")
)

# --- The site -----------------------------------------------------------------------------------
#: Signs cookies and encrypts tokens. Every machine that serves the site needs the same key.
#: Default: generated at first start, kept in `PCIOPS_VAR`.
SECRET_KEY = env.secret("PCIOPS_SECRET_KEY") or private.kept_secret(VAR / env.SECRET_KEY_FILE)
#: Old secret keys that pciops still accepts, one a line ([keys](keys.md)).
#: Default: written to `PCIOPS_VAR` by `pciops rotate_keys`.
SECRET_KEY_FALLBACKS = env.fallback_keys("PCIOPS_SECRET_KEY_FALLBACKS", VAR)
#: Host names of the site.
ALLOWED_HOSTS = env.words("PCIOPS_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
#: The cloud's name, shown on every page and in emails.
CLOUD_NAME = env.text("PCIOPS_CLOUD_NAME", "OpenStack")

ROOT_URLCONF = "pciops.urls"
WSGI_APPLICATION = "pciops.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"  # of pages and emails to operators
LANGUAGES = [("en", "English"), ("de", "German")]  # of emails to owners; each other has a catalog
LOCALE_PATHS = [files.shipped("locale")]
USE_TZ = True
TIME_ZONE = "UTC"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_htmx",
    "pciops.lib",
    "pciops.keystone",
    "pciops.accounts",
    "pciops.audit",
    "pciops.actions",
    "pciops.notices",
    "pciops.reports",
    "pciops.events",
    "pciops.signin",
    "pciops.web",
    "pciops.api",
]
MIDDLEWARE = [
    "pciops.lib.logs.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "pciops.lib.csp.ContentSecurityPolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "pciops.web.health.HealthMiddleware",
    "pciops.web.metrics.endpoint.MetricsMiddleware",
    "pciops.web.metrics.durations.DurationMiddleware",
    "pciops.signin.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "pciops.keystone.middleware.PrimaryMiddleware",
    "pciops.signin.middleware.OperatorMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "pciops.web.errors.OutageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [files.shipped("templates")],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "pciops.web.context_processors.site",
            ],
        },
    },
]

STATIC_URL = "static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [files.shipped("static")]
STORAGES = {
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- Databases ----------------------------------------------------------------------------------
#: pciops' own database: `mysql://user:password@host/pciops`, `postgresql://…`, or
#: `sqlite:////path`.
#: Default: SQLite in `PCIOPS_VAR`.
_own = database(
    "PCIOPS_DATABASE_URL",
    f"sqlite:///{VAR / 'pciops.sqlite3'}",
    engines={
        "sqlite": "sqlite:////var/lib/pciops/pciops.sqlite3",
        "mysql": "mysql://pciops:secret@db.example:3306/pciops",
        "postgresql": "postgresql://pciops:secret@db.example:5432/pciops",
    },
)
# Keystone's database: one connection that only reads, and one for the one UPDATE, with a login of
# its own if the site has one. Each may name several hosts, of which the first that answers is used.
_keystone_kinds = {
    "mysql": "mysql://pciops:secret@db.example:3306/keystone",
    "sqlite": "sqlite:////var/lib/keystone/keystone.db",
}
#: Keystone's database: `mysql://user:password@host/keystone` or `sqlite:////path`. It can name
#: several hosts: `host1:3306,host2:3306`
#: ([operations](operations.md#keystones-database-on-several-hosts)).
#: Default: required.
_keystone = databases("PCIOPS_KEYSTONE_DATABASE_URL", engines=_keystone_kinds)
#: The same database with the login that may UPDATE. pciops decides actions on these hosts, so never
#: name a replica here.
#: Default: `PCIOPS_KEYSTONE_DATABASE_URL`.
_unlock = databases("PCIOPS_KEYSTONE_UNLOCK_DATABASE_URL", engines=_keystone_kinds) or _keystone

# A limit of 15 s for each statement, so that no request holds a database for longer. MariaDB runs
# the first comment, MySQL the second (which limits only reads).
_LIMITED_MYSQL = (
    "SET SESSION /*M!100100 max_statement_time=15 */ /*!80000 max_execution_time=15000 */"
)
# The same in a session that only reads, also thousands of rows as one text.
_READ_ONLY_MYSQL = (
    "SET SESSION group_concat_max_len=8388608,"
    " /*M!100100 tx_read_only=1, max_statement_time=15 */"
    "/*!80000 transaction_read_only=1, max_execution_time=15000 */"
)
_MIGRATES = sys.argv[1:2] == ["migrate"]  # changes of large tables take their time


def _connection(config: DatabaseConfig | None, *, own: bool, reads_only: bool) -> Any:
    """Return one of DATABASES with the options that its engine needs for several processes."""
    if config is None:
        return {"ENGINE": "django.db.backends.dummy"}  # a system check reports it
    options: dict[str, Any] = dict(config.get("OPTIONS", {}))
    name = config["NAME"]
    if config["ENGINE"].endswith("sqlite3"):
        options.setdefault("timeout", 10)
        if own:
            options["transaction_mode"] = "IMMEDIATE"
            options["init_command"] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"
        else:
            name = f"file:{quote(str(name))}?mode=rw"  # does not create a missing file
        if reads_only:
            options["init_command"] = "PRAGMA query_only = ON"
    elif config["ENGINE"].endswith("postgresql"):
        options.setdefault("connect_timeout", 5)
        if not _MIGRATES:
            options.setdefault("options", "-c statement_timeout=15s")
    elif config["ENGINE"].endswith("mysql"):
        options.setdefault("connect_timeout", 5)
        if not (own and _MIGRATES):
            options.setdefault("read_timeout", 20)  # above max_statement_time, which is gentler
            options.setdefault("write_timeout", 20)
            options["init_command"] = _LIMITED_MYSQL
        if "ssl_ca" in options:  # PyMySQL checks neither of these by itself
            options.setdefault("ssl_verify_cert", True)
            options.setdefault("ssl_verify_identity", True)
        if reads_only:
            options["init_command"] = _READ_ONLY_MYSQL
    return {
        **config,
        "NAME": name,
        "OPTIONS": options,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


CACHES: dict[str, Any] = {  # of each process: what answers floods cheaply
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 1000},
    }
}
#: Redis or Memcached that all processes share: `redis://:password@host:6379/0`, `rediss://…` (TLS;
#: `?ssl_ca_certs=FILE`), or `memcached://host1:11211,host2:11211`. Needs the library `redis` or
#: `pymemcache` ([operations](operations.md#two-of-everything)).
#: Default: memory of each process.
CACHE_SERVER = caches.cache_server("PCIOPS_CACHE_URL")
if CACHE_SERVER:
    CACHES["server"] = CACHE_SERVER.config
SHARED_SECONDS = 3  # for which one request's reading serves others: pciops/lib/shared.py


# The login that reads, at the place of unlocks.
_primary: list[Any] = [
    {**reading, **{key: unlock.get(key, "") for key in ("HOST", "PORT", "NAME")}}
    for reading in _keystone[:1]
    for unlock in _unlock
]


def _keystone_connection(
    configs: list[DatabaseConfig], *, reads_only: bool, primary: bool = False
) -> Any:
    """Return one of DATABASES with the hosts of all configurations.

    Args:
        primary: whether a host that is `read_only` is left out.
    """
    connection = _connection(configs[0] if configs else None, own=False, reads_only=reads_only)
    if connection["ENGINE"].endswith("mysql"):
        connection["ENGINE"] = "pciops.keystone.mysql"
        connection["HOSTS"] = [(config["HOST"], int(config["PORT"] or 3306)) for config in configs]
        connection["READS_ONLY"] = reads_only
        connection["PRIMARY"] = primary
    return connection


DATABASES = {
    "default": _connection(_own, own=True, reads_only=False),
    "keystone": _keystone_connection(_keystone, reads_only=True),
    # For reads that an act is decided on.
    "keystone_primary": _keystone_connection(_primary, reads_only=True, primary=True),
    "keystone_unlock": _keystone_connection(_unlock, reads_only=False, primary=True),
}
DATABASES["keystone_primary"]["CONN_MAX_AGE"] = 0  # acts are rare
for _alias in ("keystone_primary", "keystone_unlock"):
    DATABASES[_alias]["TEST"] = {"MIRROR": "keystone"}
DATABASE_ROUTERS = ["pciops.keystone.router.KeystoneRouter"]

# --- Keystone -----------------------------------------------------------------------------------
#: Keystone's API: `https://keystone.example:5000/v3`.
#: Default: required.
OS_AUTH_URL = env.http_url("OS_AUTH_URL", example="https://keystone.example:5000/v3")
#: CA certificates that Keystone's certificate is checked against.
#: Default: the system's.
OS_CACERT = env.path("OS_CACERT")
#: Seconds to wait for Keystone's API.
KEYSTONE_TIMEOUT = env.integer("PCIOPS_KEYSTONE_TIMEOUT", 10, minimum=1, maximum=120)
KEYSTONE_REVOCATION_SECONDS = 1.1  # a password change revokes all tokens of its second
#: keystone.conf files with `[security_compliance]`. Later files win, and `/policy/` shows where
#: they differ. Without this setting or `PCIOPS_POLICY_…`, pciops does not start: no account would
#: look locked.
KEYSTONE_CONF = env.words("PCIOPS_KEYSTONE_CONF")
#: One option of `[security_compliance]`, such as `PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS=6`. It
#: wins over `PCIOPS_KEYSTONE_CONF`; `off` unsets the option. pciops never reads the secret key:
#: `PCIOPS_POLICY_INVALID_PASSWORD_HASH_SECRET_KEY_SET=yes` says that Keystone has one.
POLICY_OVERRIDES = env.prefixed("PCIOPS_POLICY_")
#: Keystone's release, by number or series: `30`, `2025.2`, or `flamingo`. Without it, pciops
#: applies the less favorable rule if releases differ ([keystone](keystone.md)).
KEYSTONE_RELEASE = releases.setting("PCIOPS_KEYSTONE_RELEASE")

#: How many days ahead an account counts as inactive soon.
INACTIVE_SOON_DAYS = env.integer("PCIOPS_INACTIVE_SOON_DAYS", 7, minimum=1, maximum=90)
#: How many days ahead a password counts as expiring soon.
EXPIRING_DAYS = env.integer("PCIOPS_EXPIRING_DAYS", 14, minimum=1, maximum=90)
#: Declares a second factor for all access. `/policy/` then passes without password expiry (PCI DSS
#: 8.3.9, PCI SSC FAQ 1590), and the report lists people with one factor.
MFA_FOR_ALL_ACCESS = env.flag("PCIOPS_MFA_FOR_ALL_ACCESS", default=False)

#: Keystone roles that make a service account, on any project or domain.
SERVICE_ROLES = env.words("PCIOPS_SERVICE_ROLES", "service")
#: Projects on which any role makes a service account.
SERVICE_PROJECTS = env.words("PCIOPS_SERVICE_PROJECTS", "service,services")
#: Domains, by name or ID, that hold only machine accounts, such as those of Heat and Magnum.
MACHINE_DOMAINS = env.words("PCIOPS_MACHINE_DOMAINS")
#: Names of machine accounts, such as `svc-*,*-bot`. `*`, `?`, and `[…]` are wildcards; case is
#: ignored.
SERVICE_NAME_PATTERNS = env.globs("PCIOPS_SERVICE_NAME_PATTERNS")

# --- Audit log ----------------------------------------------------------------------------------
# PCI DSS 10.5.1: at least 12 months; one more, so that there are always 12 whole months.
#: How many months pciops keeps audit log rows (PCI DSS 10.5.1 requires 12).
TRAIL_MONTHS = env.integer("PCIOPS_TRAIL_MONTHS", 13, minimum=12, maximum=240)
#: A syslog receiver that gets a copy of each audit log row (RFC 5424, JSON): `udp://host:514`,
#: `tcp://host:601`, `tls://host:6514`, or `unix:///dev/log`.
SYSLOG_URL = env.syslog("PCIOPS_SYSLOG_URL")
#: CA certificates that the receiver's certificate is checked against.
#: Default: the system's.
SYSLOG_CACERT = env.path("PCIOPS_SYSLOG_CACERT")
#: The Ed25519 key that signs the audit log, created at first start. Every machine needs the same
#: file, or each machine's public keys in `<file>.pub`.
#: Default: `$PCIOPS_VAR/evidence_key`.
EVIDENCE_KEY_FILE = env.path("PCIOPS_EVIDENCE_KEY_FILE", str(VAR / "evidence_key"))
#: A time-stamping authority (RFC 3161) that stamps each anchor of the audit log.
TIMESTAMP_URL = env.http_url("PCIOPS_TIMESTAMP_URL", example="https://tsa.example/tsr")
#: CA certificates for the authority's TLS and time stamps. Without it, pciops stores time stamps
#: but does not check their signatures.
#: Default: for TLS the system's.
TIMESTAMP_CACERT = env.path("PCIOPS_TIMESTAMP_CACERT")

# --- Email to operators -------------------------------------------------------------------------
#: The address of pciops, for links in emails: `https://pciops.cloud.example`.
SITE_URL = env.http_url("PCIOPS_SITE_URL", example="https://pciops.cloud.example")
#: The time zone of hours in settings and of times in emails to owners, such as `Europe/Berlin`.
SITE_ZONE = env.zone("PCIOPS_TIME_ZONE", "UTC")
#: Cloud operators who get the daily digest: `ops@cloud.example,ann@cloud.example`.
DIGEST_RECIPIENTS = env.addresses("PCIOPS_DIGEST_RECIPIENTS")
#: The hour of the day from which digests are sent.
DIGEST_HOUR = env.integer("PCIOPS_DIGEST_HOUR", 7, minimum=0, maximum=23)
#: Whether the cloud's digest is also sent when no account needs attention.
DIGEST_EMPTY = env.flag("PCIOPS_DIGEST_EMPTY", default=True)

# --- Reports ------------------------------------------------------------------------------------
#: Email addresses that get the weekly report. Without them, pciops builds and keeps the report.
REPORT_RECIPIENTS = env.addresses("PCIOPS_REPORT_RECIPIENTS")
#: The day after the end of a week on which its report is built.
REPORT_DAY = env.choice("PCIOPS_REPORT_DAY", "MONDAY", WEEKDAYS)
#: The hour of that day, in `PCIOPS_TIME_ZONE`.
REPORT_HOUR = env.integer("PCIOPS_REPORT_HOUR", 6, minimum=0, maximum=23)
#: Whether the PDF is attached to the email. `no` sends only the link.
REPORT_ATTACHED = env.flag("PCIOPS_REPORT_ATTACHED", default=True)
#: How many months pciops keeps reports.
REPORT_MONTHS = env.integer("PCIOPS_REPORT_MONTHS", 25, minimum=12, maximum=240)

# --- Notices ------------------------------------------------------------------------------------
#: The mail server: `smtp://user:password@host:587?tls=starttls` (or `ssl`, or `none`).
#: `file:///path` writes emails to a folder. Without it, notices stay due.
MAIL_SERVER = env.mail_server("PCIOPS_EMAIL_URL")
#: CA certificates that the mail server's certificate is checked against.
#: Default: the system's.
MAIL_CACERT = env.path("PCIOPS_EMAIL_CACERT")
#: The sender of emails: `pciops <pciops@cloud.example>`.
#: Default: required with `PCIOPS_EMAIL_URL`.
MAIL_FROM = env.sender("PCIOPS_MAIL_FROM", needed_by="PCIOPS_EMAIL_URL")
#: The address that gets replies.
MAIL_REPLY_TO = env.sender("PCIOPS_MAIL_REPLY_TO")
#: Domains to which emails go, without their subdomains: `cloud.example,corp.example`. It limits
#: addresses that come from Keystone, not those in settings.
#: Default: all.
MAIL_DOMAINS = env.mail_domains("PCIOPS_MAIL_DOMAINS")
#: Which notices are sent: some of `password_expiring`, `password_expired`, `inactivity`, `locked`,
#: and `unlocked`, or `none`.
NOTICE_KINDS = env.some_of(
    "PCIOPS_NOTICE_KINDS",
    ("password_expiring", "password_expired", "inactivity", "locked", "unlocked"),
)
#: How many days before a password expires its owner gets a notice.
NOTICE_DAYS = env.days("PCIOPS_NOTICE_DAYS", "14,7,3,1")
#: How many days before an account becomes inactive its owner gets a notice.
INACTIVITY_NOTICE_DAYS = env.days("PCIOPS_INACTIVITY_NOTICE_DAYS", "7,1")
#: A TOML file with contacts, notice kinds, days, languages, and more for single domains
#: ([notices](notices.md)).
NOTICE_DOMAINS = env.path("PCIOPS_NOTICE_DOMAINS")
#: A folder with your own email templates, laid out like `templates/notices/`.
NOTICE_TEMPLATES = env.path("PCIOPS_NOTICE_TEMPLATES")
#: The language of notices, `en` or `de`, in domains that have none of their own.
NOTICE_LANGUAGE = env.choice(
    "PCIOPS_NOTICE_LANGUAGE", "EN", tuple(code.upper() for code, _ in LANGUAGES)
).lower()
#: How many emails all workers together send in a minute.
NOTICE_RATE = env.integer("PCIOPS_NOTICE_RATE", 600, minimum=1, maximum=1_000_000)
#: The page on which users change their password, for links in emails.
PASSWORD_CHANGE_URL = env.http_url(
    "PCIOPS_PASSWORD_CHANGE_URL", example="https://cloud.example/settings/password/"
)
#: The contact for users, as emails show it: `help@cloud.example, phone 4711`.
HELP_CONTACT = env.text("PCIOPS_HELP_CONTACT")

# --- Notifications ------------------------------------------------------------------------------
#: The RabbitMQ to which Keystone publishes: `amqp://user:password@host/vhost` or `amqps://…`, nodes
#: separated by `;`. Without it, the causes of locks are unknown.
NOTIFICATIONS_URLS = env.brokers("PCIOPS_NOTIFICATIONS_URL")
#: CA certificates that RabbitMQ's certificate is checked against.
#: Default: the system's.
NOTIFICATIONS_CACERT = env.path("PCIOPS_NOTIFICATIONS_CACERT")
# Keystone's own defaults: control_exchange, and the first of topics.
#: Keystone's `control_exchange`.
NOTIFICATIONS_EXCHANGE = env.text("PCIOPS_NOTIFICATIONS_EXCHANGE", "keystone")
#: One of Keystone's `[oslo_messaging_notifications] topics`.
NOTIFICATIONS_TOPIC = env.text("PCIOPS_NOTIFICATIONS_TOPIC", "notifications")
#: The type of both queues of pciops in RabbitMQ: `classic`, or `quorum` for a cluster of at least
#: three nodes ([operations](operations.md#rabbitmq-cluster)).
QUEUE_TYPE = env.choice("PCIOPS_QUEUE_TYPE", "CLASSIC", ("CLASSIC", "QUORUM")).lower()
#: The queue that pciops declares for notifications.
NOTIFICATIONS_QUEUE = env.text("PCIOPS_NOTIFICATIONS_QUEUE", "pciops.notifications")
#: How many messages the queue holds. RabbitMQ drops the oldest when it is full.
NOTIFICATIONS_QUEUE_LENGTH = env.integer(
    "PCIOPS_NOTIFICATIONS_QUEUE_LENGTH", 100_000, minimum=1000, maximum=10_000_000
)
# PCI DSS 10.5.1: 12 months, and one more.
#: How many days pciops keeps notifications (PCI DSS 10.5.1 requires 12 months).
EVENT_DAYS = env.integer("PCIOPS_EVENT_DAYS", 400, minimum=365, maximum=4000)

# --- Possible attacks and alerts ----------------------------------------------------------------
#: A possible attack: this many accounts locked within ten minutes.
STORM_ACCOUNTS = env.integer("PCIOPS_STORM_ACCOUNTS", 10, minimum=2, maximum=1_000_000)
#: A possible attack: this many unknown usernames within ten minutes.
STORM_NAMES = env.integer("PCIOPS_STORM_NAMES", 50, minimum=2, maximum=1_000_000)
#: Email addresses that get [alerts](alerts.md).
#: Default: `PCIOPS_DIGEST_RECIPIENTS`.
ALERT_RECIPIENTS = env.addresses("PCIOPS_ALERT_RECIPIENTS") or DIGEST_RECIPIENTS
#: A webhook that pciops calls for each alert.
ALERT_WEBHOOK_URL = env.http_url(
    "PCIOPS_ALERT_WEBHOOK_URL", example="https://alerts.cloud.example/pciops"
)
#: Signs these calls (HMAC-SHA256).
ALERT_WEBHOOK_SECRET = env.secret("PCIOPS_ALERT_WEBHOOK_SECRET")
#: CA certificates that the certificates of both webhooks are checked against.
#: Default: the system's.
ALERT_WEBHOOK_CACERT = env.path("PCIOPS_ALERT_WEBHOOK_CACERT")
#: The body of these calls: `pciops`, `alertmanager`, `pagerduty`, or `slack`.
ALERT_FORMAT = env.choice(
    "PCIOPS_ALERT_FORMAT", "PCIOPS", ("PCIOPS", "ALERTMANAGER", "PAGERDUTY", "SLACK")
).lower()
#: The integration key for `pagerduty` (Events API v2).
ALERT_PAGERDUTY_KEY = env.secret("PCIOPS_ALERT_PAGERDUTY_KEY")
#: A webhook that pciops calls for each action on an account, such as a ticket system.
ACT_WEBHOOK_URL = env.http_url(
    "PCIOPS_ACT_WEBHOOK_URL", example="https://tickets.cloud.example/pciops"
)
#: Signs these calls (HMAC-SHA256).
ACT_WEBHOOK_SECRET = env.secret("PCIOPS_ACT_WEBHOOK_SECRET")
#: A pattern that every reason must contain, such as `\bINC-[0-9]+\b`.
TICKET_PATTERN = pattern("PCIOPS_TICKET_PATTERN", example=r"\bINC-[0-9]+\b")

# --- Tasks --------------------------------------------------------------------------------------
# The timetable is in pciops.celery. Without a broker, messages are files below VAR, which is enough
# for one machine and the demo.
_FILES = "filesystem://localhost"  # kombu warns about a URL without a host
#: The RabbitMQ between beat and workers: `amqp://user:password@host/vhost` or `amqps://…`, nodes
#: separated by `;`. The default is enough for one machine.
#: Default: files in `PCIOPS_VAR`.
CELERY_BROKER_URL = ";".join(env.brokers("PCIOPS_BROKER_URL")) or _FILES
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {
        "data_folder_in": str(VAR / "broker" / "messages"),
        "data_folder_out": str(VAR / "broker" / "messages"),
        "control_folder": str(VAR / "broker" / "control"),
    }
    if CELERY_BROKER_URL == _FILES
    else {}
)
if "amqps:" in CELERY_BROKER_URL:
    # This makes kombu check not only the certificate, but also its name.
    CELERY_BROKER_USE_SSL = {"server_hostname": None}
# RabbitMQ cannot change the type of a queue, so each type has a name.
CELERY_TASK_DEFAULT_QUEUE = "celery" if QUEUE_TYPE == "classic" else "celery-quorum"
CELERY_TASK_DEFAULT_QUEUE_TYPE = QUEUE_TYPE
CELERY_WORKER_CONSUMER = "pciops.celery:WorkerConsumer"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True  # results are in the tables
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True  # a message survives its worker; tasks may run twice
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False  # no remote commands through the broker
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"  # keeps no state in a file
CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True

# --- Operators ----------------------------------------------------------------------------------
# Keystone's roles for the three roles of pciops (signin.rights).
#: Keystone roles of administrators. An operator with one may do everything, and an account with one
#: is listed as an administrator.
ADMIN_ROLES = env.words("PCIOPS_ADMIN_ROLES", "admin")
#: Keystone roles of the help desk, which sees and unlocks accounts.
HELPDESK_ROLES = env.words("PCIOPS_HELPDESK_ROLES", "helpdesk,manager")
#: Keystone roles of auditors, who see everything and change nothing.
READER_ROLES = env.words("PCIOPS_READER_ROLES", "reader")
#: Keystone roles that let an operator sign off reports as management (PCI DSS 7.2.4). The operator
#: also needs a role above.
#: Default: `PCIOPS_ADMIN_ROLES`.
MANAGEMENT_ROLES = env.words("PCIOPS_MANAGEMENT_ROLES", ",".join(ADMIN_ROLES))
# Clouds older than system scope: a role on this project counts in the whole cloud, as
# keystone.conf's [resource] options of these names say for administrators.
#: For clouds without system scope: the project on which a role counts in the entire cloud.
ADMIN_PROJECT_NAME = env.text("PCIOPS_ADMIN_PROJECT_NAME")
#: The domain of that project.
ADMIN_PROJECT_DOMAIN_NAME = env.text("PCIOPS_ADMIN_PROJECT_DOMAIN_NAME", "Default")
#: The domain that the sign-in form shows first.
SIGNIN_DOMAIN_NAME = env.text("PCIOPS_SIGNIN_DOMAIN_NAME", "Default")
AUTH_USER_MODEL = "signin.Operator"
AUTHENTICATION_BACKENDS = [
    "pciops.signin.backend.KeystoneBackend",
    "pciops.signin.backend.SecondFactorBackend",
]
# A refusal takes whole seconds, so that its duration does not tell whether the username exists.
SIGNIN_REFUSAL_SECONDS = 1.0
LOGIN_URL = "signin"
LOGIN_REDIRECT_URL = "overview"
#: Threads of each web server process, the same number as `gunicorn --threads`. Sign-ins use at most
#: half of them.
THREADS = env.integer("PCIOPS_THREADS", 4, minimum=1, maximum=256)
#: How many trusted proxies in front of pciops append to `X-Forwarded-For`.
PROXIES = env.integer("PCIOPS_PROXIES", 0, minimum=0, maximum=9)

# --- Actions ------------------------------------------------------------------------------------
#: How many times an hour one account can be unlocked without a second operator
#: ([actions](acts.md)).
UNLOCKS_PER_HOUR = env.integer("PCIOPS_UNLOCKS_PER_HOUR", 3, minimum=1, maximum=1000)
#: How many unlocks an hour one operator can do without a second operator.
OPERATOR_UNLOCKS_PER_HOUR = env.integer(
    "PCIOPS_OPERATOR_UNLOCKS_PER_HOUR", 60, minimum=1, maximum=100_000
)
#: How many days ahead the last day of an exemption can be.
EXEMPTION_DAYS = env.integer("PCIOPS_EXEMPTION_DAYS", 365, minimum=1, maximum=3650)

# --- Sessions, cookies, and headers -------------------------------------------------------------
#: `no` only for plain HTTP on loopback.
HTTPS = env.flag("PCIOPS_HTTPS", default=True)
SESSION_ENGINE = "pciops.signin.session_store"
#: Minutes without activity after which a session ends (PCI DSS 8.2.8).
SESSION_COOKIE_AGE = 60 * env.integer("PCIOPS_IDLE_MINUTES", 15, minimum=1, maximum=15)
# The age above counts idle time (PCI DSS 8.2.8): signin.middleware moves the end of a session.
SESSION_SAVE_EVERY_REQUEST = False
SESSION_EXPIRE_AT_BROWSER_CLOSE = False
SESSION_COOKIE_NAME = "__Host-pciops-session" if HTTPS else "pciops-session"
CSRF_COOKIE_NAME = "__Host-pciops-csrf" if HTTPS else "pciops-csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "pciops.web.errors.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SECURE_HSTS_SECONDS = 365 * 86400 if HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS for subdomains: other hosts of the domain are not part of pciops
    "security.W008",  # redirect to HTTPS: the proxy in front does it, or port 80 is closed
    "security.W021",  # HSTS preload: the same as W005
]
if PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
#: Settings that may send data without TLS to other hosts. `check --deploy` refuses all others.
CLEARTEXT_ALLOWED = env.words("PCIOPS_CLEARTEXT_ALLOWED")
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024  # bytes; the longest form is a reason of 1,000 characters
FILE_UPLOAD_HANDLERS = ["pciops.web.forms.NoFiles"]
SECURE_CSP = {
    "default-src": [NONE],
    "style-src": [SELF],
    "script-src": [SELF],
    "connect-src": [SELF],
    "img-src": [SELF],
    "form-action": [SELF],
    "frame-ancestors": [NONE],
    "base-uri": [NONE],
}

# --- Metrics ------------------------------------------------------------------------------------
#: Addresses and networks that can read `/metrics`: `10.0.0.5,fd00::/64`.
METRICS_ADDRESSES = networks.setting("PCIOPS_METRICS_ADDRESSES")
#: The token that opens `/metrics` from every address, at least 20 characters: `Authorization:
#: Bearer …`.
METRICS_TOKEN = env.secret("PCIOPS_METRICS_TOKEN")
if 0 < len(METRICS_TOKEN) < 20:
    raise env.SettingError(
        "PCIOPS_METRICS_TOKEN",
        "is shorter than 20 characters",
        "the output of openssl rand -hex 32",
    )

# --- Logs ---------------------------------------------------------------------------------------
#: `text`, or `json` for one JSON object a line ([operations](operations.md#logs)).
LOG_FORMATTER = logs.FORMATTERS[env.choice("PCIOPS_LOG_FORMAT", "TEXT", tuple(logs.FORMATTERS))]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": LOG_FORMATTER}},
    "filters": {"without_traceback": {"()": "pciops.lib.logs.WithoutTraceback"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line"},
        "brief": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["without_traceback"],
        },
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "django": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "django.security": {"handlers": ["brief"], "level": "WARNING", "propagate": False},
        #: The least level of pciops' own log entries: `debug`, `info`, `warning`, or `error`.
        "pciops": {"level": env.choice("PCIOPS_LOG_LEVEL", "INFO", env.LOG_LEVELS)},
    },
}
