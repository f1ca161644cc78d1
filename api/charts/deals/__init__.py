"""Charts of contracts: what each party gets under each option."""
