"""Migrations of the store, one step a file."""
