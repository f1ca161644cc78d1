"""The whole chain: scenario and data pack in, run out; each figure traced and recomputed."""
