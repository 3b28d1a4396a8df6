"""A real Keystone on SQLite with believable accounts, and the dashboard in front of it."""
