"""Reports as they are stored: encoded, found, verified against the audit log, pruned."""
