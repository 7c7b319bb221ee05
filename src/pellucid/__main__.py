"""``python -m pellucid`` is the command ``pellucid``."""

from pellucid.cli.main import console

console()
