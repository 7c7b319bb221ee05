"""Which tests share a worker, and which need the real data beside the checkout."""

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BROWSER = HERE / "end_to_end"
LONG = [
    BROWSER,
    HERE / "test_tasks.py",
    HERE / "test_docs.py",
    HERE / "test_processes.py",
]  # the longest first


def pytest_collection_modifyitems(items):
    """Begin with what takes longest, so that no worker waits for it at the end.

    Without the real data the tests that need it say so and skip.
    """
    items.sort(key=lambda item: [long not in (item.path, *item.path.parents) for long in LONG])
    there = Path(os.environ.get("PELLUCID_MIRROR") or "/nowhere").is_dir()
    for item in items:
        if item.get_closest_marker("mirror") and not there:
            item.add_marker(pytest.mark.skip(reason="needs PELLUCID_MIRROR: the folder of the real data"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Let one worker run the tests of a file, which share what it builds, and one all tests in the browser."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return BROWSER.name if BROWSER in (config.rootpath / file).parents else file

    return Scheduling(config, log)
