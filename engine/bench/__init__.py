"""`anjie bench`: figures of one run on this machine, reported and never asserted.

Ratios within one run count; machines are noisy.
"""

from engine.bench.steps import bench_steps

__all__ = ["bench_steps"]
