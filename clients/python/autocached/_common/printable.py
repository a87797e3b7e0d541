"""Log lines in which no name of a file steers the terminal."""

from __future__ import annotations

import logging
import re

# Control characters and marks of writing direction: names of files may contain them.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def escape(record: logging.LogRecord) -> bool:
    """A filter of a logger: escapes control characters in each of its lines."""
    record.msg, record.args = _STEERING.sub(lambda found: "\\u%04x" % ord(found.group()), record.getMessage()), None
    return True
