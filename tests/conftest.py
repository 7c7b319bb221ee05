"""Which tests share a worker, and which need the real data beside the checkout."""

import os
from pathlib import Path

import pytest

BROWSER = Path(__file__).parent / "end_to_end"


def pytest_collection_modifyitems(items):
    """Let one worker run the tests of a file, which share what it builds, and one all tests in the browser.

    The browser's come first, because they take longest. Without the real data the tests that need it say so
    and skip.
    """
    items.sort(key=lambda item: BROWSER not in item.path.parents)
    there = Path(os.environ.get("PELLUCID_MIRROR") or "/nowhere").is_dir()
    for item in items:
        shared = BROWSER if BROWSER in item.path.parents else item.path
        item.add_marker(pytest.mark.xdist_group(str(shared.relative_to(BROWSER.parent))))
        if item.get_closest_marker("mirror") and not there:
            item.add_marker(pytest.mark.skip(reason="needs PELLUCID_MIRROR: the folder of the real data"))
