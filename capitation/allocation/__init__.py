"""Allocations at every level, services and providers, and the ledger that joins them."""
