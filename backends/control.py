"""The control sockets of wpa_supplicant and hostapd: one datagram asked, one answered."""

import socket
from pathlib import Path


def ask(path: Path, command: str, seconds: float = 1.0) -> str | None:
    """The answer to a command; None while nobody answers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as control:
        control.settimeout(seconds)
        try:
            control.bind("")  # Linux gives a free abstract address, so that the answer needs no file
            control.connect(str(path))
            control.send(command.encode())
            return control.recv(65536).decode(errors="replace")
        except OSError:
            return None


def status(path: Path) -> dict[str, str]:
    """The lines KEY=VALUE of STATUS; empty while nobody answers."""
    return dict(line.partition("=")[::2] for line in (ask(path, "STATUS") or "").splitlines() if "=" in line)
