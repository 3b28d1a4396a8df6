"""The trail: who did what to which account, when, why, and how it ended."""
