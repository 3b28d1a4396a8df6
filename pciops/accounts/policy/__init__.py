"""Keystone's security compliance policy: its source, its comparison with PCI DSS, and what-if."""
