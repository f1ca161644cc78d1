"""Who belongs where: practices in localities, places and commissioners, through mergers and splits."""
