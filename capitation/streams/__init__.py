"""Streams of money: from printed control totals and top-slices to what can be deployed in each year."""
