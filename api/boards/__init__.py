"""What the command line says to a board: tables and charts in words a reader can follow."""
