"""The tests of the command line share one folder of runs and pictures."""

from house import built, house

__all__ = ["built", "house"]
