"""The second way to what moves from year to year: lists by dated lists and mergers, costs by ages."""
