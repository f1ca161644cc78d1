"""Clauses that say what is paid."""
