"""Benchmarks: the package's path beside plain code for the same network, in one run."""
