"""Design: of a family of contract terms, those that keep the strongest incentive while every party can bear its risk."""
