"""Text that others chose (network names, disk labels, USB strings), made safe to show on a terminal."""

import re
import unicodedata

# Control, format (bidirectional overrides, zero width), surrogate, private use, unassigned, line and paragraph ends.
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}

# Of ECMA-48: control sequences, strings that a terminal takes as commands (titles, links), and short escapes.
SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")


def line(text: str, limit: int = 500) -> str:
    """A line that a program wrote for a terminal, without what only colours or moves; else as `printable`."""
    return printable(SEQUENCE.sub("", text).expandtabs(), limit)


def printable(text: str, limit: int = 200) -> str:
    """What a terminal would act on, or nobody can see, as \\xNN or \\uNNNN; at most `limit` characters."""
    safe = "".join(c if unicodedata.category(c) not in HIDDEN else _escaped(c) for c in text[:limit])
    return safe[:limit]


def printable_bytes(data: bytes, limit: int = 200) -> str:
    """As `printable`; bytes that are no UTF-8 become \\xNN."""
    return printable(data[:limit].decode("utf-8", "backslashreplace"), limit)


def _escaped(c: str) -> str:
    return f"\\x{ord(c):02x}" if ord(c) < 0x100 else f"\\u{ord(c):04x}"
