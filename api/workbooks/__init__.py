"""Workbooks for people: the summary first, names beside codes, at most 15 sheets, ready to print."""
