"""Why an account was locked, and whether an unlock will hold."""

from __future__ import annotations
