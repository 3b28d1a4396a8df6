"""What an operator can do to an account."""
