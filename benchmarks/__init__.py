"""Measurements of the platform, each beside a peer where there is one; results go to ``benchmarks/results``."""
