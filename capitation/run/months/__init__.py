"""A run month by month: cash and activity by profile, and the balances between organisations that follow."""
