"""Stored documents by kind and version."""
