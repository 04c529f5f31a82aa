"""What the benchmarks add to the `handrail` command, loaded when they run."""

from handrail.faces.later import Later, listed

bench = Later("bench", listed("handrail_bench.bench", "bench"), "Measure Handrail against named peers.")
