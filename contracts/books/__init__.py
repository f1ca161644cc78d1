"""Settlements as books: entries by date, statements that close, restatement, carry-forward and split periods."""
