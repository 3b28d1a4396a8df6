"""The product in one package: accounts, their states, and the policy that makes them."""
