"""Benchmarks: they print numbers and ratios, measured in one run on one machine; they are not timed tests."""
