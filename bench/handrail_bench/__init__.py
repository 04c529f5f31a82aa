"""The benchmarks: each measures Handrail against a named peer, in the same run and on the same data."""
