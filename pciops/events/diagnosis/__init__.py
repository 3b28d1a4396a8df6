"""Why an account was locked, and whether an unlock will last."""
