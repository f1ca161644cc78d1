"""Charts of money: where it goes, what is lacking, and who owes whom."""
