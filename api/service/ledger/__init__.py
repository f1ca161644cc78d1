"""Journals: postings, accounts and balanced lines."""
