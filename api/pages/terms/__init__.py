"""Contract terms in a form that is made from the schema of the terms themselves."""
