"""The version, in the one place that needs nothing else."""

__version__ = "0.1.0"
