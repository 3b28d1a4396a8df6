"""PCI DSS account operations on OpenStack Keystone."""

from __future__ import annotations

import pymysql

__version__ = "0.2.0.dev0"

pymysql.install_as_MySQLdb()
