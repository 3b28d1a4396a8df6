"""Changes of Keystone's accounts that were made outside pciops and falsify evidence."""

from __future__ import annotations
