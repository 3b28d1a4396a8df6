"""The audit log: a hash-chained row for each act, with initiator, account, reason and outcome."""
