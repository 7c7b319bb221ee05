"""Tests marked ``mirror`` need the real data beside the checkout; without them they say so and skip."""

import os
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items):
    if Path(os.environ.get("PELLUCID_MIRROR") or "/nowhere").is_dir():
        return
    for item in items:
        if item.get_closest_marker("mirror"):
            item.add_marker(pytest.mark.skip(reason="needs PELLUCID_MIRROR: the folder of the real data"))
