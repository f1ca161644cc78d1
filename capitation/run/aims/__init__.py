"""What a plan aims at, checked against the pack, and beside what happened."""
