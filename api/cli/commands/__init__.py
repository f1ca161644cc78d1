"""The words of the command line, one a file, found by scanning this folder; a file is imported when its word is used."""
