"""PCI DSS account operations on OpenStack Keystone."""

from __future__ import annotations

import sys

import pymysql
from pymysql import converters

__version__ = "0.2.0.dev0"

pymysql.install_as_MySQLdb()
# Django would load this module again under its other name. PyMySQL then would not know its own
# function that changes nothing, and call it for each text that it reads.
sys.modules["MySQLdb.converters"] = converters
