"""Who is an operator: sign-in at Keystone, and sessions that end."""
