"""A new system: its practices found in published tables or a user's own, its localities, money and scenario written as one folder."""
