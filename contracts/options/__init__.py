"""Contract options over one system: outturn, positions, comparison, and who pays."""
