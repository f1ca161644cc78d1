"""The chain of the plan: from the deficit that was opened with, through doing nothing, to what is left, each line once."""
