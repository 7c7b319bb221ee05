"""Looking inside: a model and an input become arrays. Nothing here draws.

Once imported, the package hides the function ``pellucid.explain``; so to call the package is to call that.
"""

import sys
from types import ModuleType
from typing import Any


class _Explain(ModuleType):
    def __call__(self, *given: Any, **named: Any) -> Any:
        return sys.modules["pellucid"].__getattr__("explain")(*given, **named)


sys.modules[__name__].__class__ = _Explain
