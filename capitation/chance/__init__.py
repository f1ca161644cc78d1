"""Chance: how far a year's spend of a locality may stand from its plan, by simulation and, where it can be, exactly."""
