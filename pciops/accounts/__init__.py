"""Accounts: their states, the policy behind the states, the census, and what follows from them.

Functions that read Keystone's database raise KeystoneDatabaseDownError if it does not answer.
"""
