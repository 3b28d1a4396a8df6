"""Keystone's notifications, recorded and explained: who and what locked an account."""
