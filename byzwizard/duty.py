"""What the long-running duties of a node share: files that others read, and what systemd is told."""

import contextlib
import os
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path


def replace(path: Path, text: str) -> bool:
    """Whole or not at all, and only when it changes: dnsmasq reads the file anew each time. Did it?"""
    with contextlib.suppress(FileNotFoundError):
        if path.read_text(encoding="utf-8") == text:
            return False
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        os.fchmod(handle, 0o644)
        file.write(text)
    os.rename(temporary, path)
    return True


def fill(folder: Path, wanted: Mapping[str, str]) -> list[str]:
    """The folder has these files, by their names, and no others. Those that changed."""
    folder.mkdir(exist_ok=True)
    changed = [name for name, content in wanted.items() if replace(folder / name, content)]
    for path in folder.iterdir():
        if path.name not in wanted:
            path.unlink()
    return changed


def tell(folder: Path, who: str) -> None:
    """Something has changed for byz-WHO.service. It takes the flag away before it looks: a PathChanged= of systemd
    would lose what changes while the service still runs (systemd issue 41599), a PathExists= does not."""
    (folder / f"{who}.due").touch()


def text(path: Path) -> str:
    """Nothing where there is no file."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_text(encoding="utf-8")
    return ""


def notify(message: str) -> None:
    """sd_notify(3); nothing where systemd did not start us."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
            link.sendto(message.encode(), "\0" + address[1:] if address[0] == "@" else address)
