"""One log of every assumption of a plan, from its money to its mix, ranked by what each moves."""
