"""Activity of the plan by point of delivery and year, spread to localities, and its unit costs."""
