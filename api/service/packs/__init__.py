"""Data packs that the service stores."""
