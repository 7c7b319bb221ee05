"""Which browser the tests of pages use."""

import os
import shutil

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium():
    """Return the path of a Chromium: what ``PELLUCID_CHROMIUM`` names, or one on the path, or None."""
    return os.environ.get("PELLUCID_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUMS)), None)
