"""Keystone: its tables (read-only), its API, and the one UPDATE."""

from __future__ import annotations

ALIAS = "keystone"  # of the database connection; also the label of this app
UNLOCK_ALIAS = "keystone_unlock"  # the connection that may run the one UPDATE
PRIMARY_ALIAS = "keystone_primary"  # for reads that an act is decided on: never a replica
