"""What is mounted where, from /proc/self/mountinfo."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Mount:
    number: str  # major:minor
    place: str
    filesystem: str
    source: str


def parse_mounts(text: str) -> list[Mount]:
    """proc_pid_mountinfo(5); blanks in places stand as \\040."""
    found = []
    for line in text.splitlines():
        front, _dash, back = line.partition(" - ")
        fields, rest = front.split(), back.split()
        if len(fields) >= 5 and len(rest) >= 2:
            found.append(Mount(fields[2], _plain(fields[4]), rest[0], _plain(rest[1])))
    return found


def _plain(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), text)
