"""Mail to the owners of accounts ahead of time: planned, claimed, sent, each once."""
