"""What the service shows of a resource."""
