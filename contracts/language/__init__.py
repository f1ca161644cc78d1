"""The words that contracts are written in: conditions, roundings, currencies, tables and pieces."""
