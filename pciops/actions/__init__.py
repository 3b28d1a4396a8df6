"""Acts of operators on accounts."""
