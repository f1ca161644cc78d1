"""Records as the service writes them."""
