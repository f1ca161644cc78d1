"""The service put together, and what a route may ask of it."""
