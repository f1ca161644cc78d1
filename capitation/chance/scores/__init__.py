"""Normal scores: random numbers that depend on seed, layer, stream and block, and on nothing else."""
