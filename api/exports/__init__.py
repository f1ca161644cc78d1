"""Exports of a run: comma-separated files and workbooks."""
