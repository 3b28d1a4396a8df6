"""Who and what: the notifications that Keystone sends, read, folded and kept."""
