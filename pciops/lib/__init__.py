"""The few helpers that know nothing of the domain."""
