"""Who does the parts of long work: threads of this machine, or the workers of a cluster, by one code path."""
