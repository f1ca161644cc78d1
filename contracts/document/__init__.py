"""Contract documents: what they may say, what contradicts, and the library of deals."""
