"""A real Keystone on SQLite with accounts in every state, and the dashboard in front of it."""
