"""autocached for Python: results that are remembered, and models from the fastest disk. Everything works, slower, without the daemon."""

import logging

from ._common.placeholder import NoCopy
from ._common.printable import escape
from .daemon import Refused, Trouble
from .keys import NoStableKey
from .memo import Memo
from .model_cache import ModelCache, get_cache
from .resolver import Resolved, Resolver, resolve
from .results import CoalescedError

__all__ = [
    "CoalescedError",
    "Memo",
    "ModelCache",
    "NoCopy",
    "NoStableKey",
    "Refused",
    "Resolved",
    "Resolver",
    "Trouble",
    "get_cache",
    "resolve",
]

logging.getLogger("autocached").addFilter(escape)
