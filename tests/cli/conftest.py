"""The tests of the command line share one folder of runs and pictures."""

from house import house

__all__ = ["house"]
