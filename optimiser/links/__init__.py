"""What joins problems to runs and contracts."""
