"""Jobs: asking for one, running it, and the workers that do."""
