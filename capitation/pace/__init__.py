"""Pace of change: opening baselines, targets, and how fast money moves from one to the other."""
