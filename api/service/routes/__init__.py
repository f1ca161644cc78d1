"""Routes, one noun a file: a file offers `router`, and the application finds it by scanning this folder."""
