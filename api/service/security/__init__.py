"""Who is calling, what they may do, which rows they see, and the log of it."""
