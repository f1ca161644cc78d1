"""Pages, one a file: a file offers `ROUTES`, and the site finds it by scanning this folder; the first that fits an address counts."""
