"""Without the compiler of torch: importing it takes a second or two, and most of us compile nothing.

torch imports it to mark functions of its own that compiled code has to step around. It asks for the marked
version when such a function is called first, and keeps it beside the function.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import FunctionType
from typing import Any

MARKED = "__dynamo_disable"  # where torch keeps the version that compiled code steps around


def leave(functions: Iterable[Any]) -> None:
    """Let ``functions`` of torch, and those they wrap, be called without importing torch's compiler.

    Where nothing is compiled a function is its own marked version. With the compiler there, nothing is done.
    """
    waiting = [] if "torch._dynamo" in sys.modules else list(functions)
    while waiting:
        for cell in getattr(waiting.pop(), "__closure__", None) or ():
            wrapped = cell.cell_contents
            if isinstance(wrapped, FunctionType) and MARKED not in vars(wrapped):
                setattr(wrapped, MARKED, wrapped)
                waiting.append(wrapped)
