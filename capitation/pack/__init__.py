"""The data pack: sources as printed, dated parameters, and the log of assumptions."""
