"""What contract options read of a run and what each leaves, kept by content, so that a changed clause works out again its own option only."""
