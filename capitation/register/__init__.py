"""Registers of persons: from one row a person to cells, to weighted totals, to thousands of formulas at once."""
