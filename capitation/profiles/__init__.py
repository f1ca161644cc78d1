"""Profiles: how a year's money or activity falls into its months and quarters, adding to the year to the penny."""
