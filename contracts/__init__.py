"""What the parties agree and what it pays: contract documents, terms, settlement, scenarios."""
