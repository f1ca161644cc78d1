"""Excel templates: sheets that people fill in, and that read back in with each fault named by its sheet and cell."""
