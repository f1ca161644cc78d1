"""Distributions in closed form and on a grid: what chance does, worked out without a draw."""
