"""The command line's commands, one group a file, found by scanning this folder."""
