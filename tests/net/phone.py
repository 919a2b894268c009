"""A phone on a node: what each system really sends when it joins, byte for byte, and what it takes for a yes."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.net.spaces import Spaces

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/60.0.3112.32 Safari/537.36"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


@dataclass(frozen=True)
class System:
    """`agent` is its User-Agent; `yes` (status, body) of the network that it stays on."""

    name: str
    host: str
    path: str
    agent: str
    yes: tuple[int, str]
    more: str = ""

    @property
    def request(self) -> str:
        return (f"GET {self.path} HTTP/1.1\r\nHost: {self.host}\r\nUser-Agent: {self.agent}\r\n{self.more}"
                "Connection: close\r\n\r\n")


SUCCESS = "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>"
SYSTEMS = (
    System("iOS", "captive.apple.com", "/hotspot-detect.html", "CaptiveNetworkSupport-407.0.1 wispr", (200, SUCCESS)),
    System("macOS", "captive.apple.com", "/library/test/success.html", "CaptiveNetworkSupport-443.40.2 wispr",
           (200, SUCCESS)),
    System("Android", "connectivitycheck.gstatic.com", "/generate_204", CHROME, (204, ""),
           "Cache-Control: no-cache\r\n"),
    System("Android's second try", "play.googleapis.com", "/generate_204", CHROME, (204, "")),
    System("Android's last try", "www.google.com", "/gen_204", CHROME, (204, "")),
    System("ChromeOS", "www.gstatic.com", "/generate_204", CHROME, (204, "")),
    System("ChromeOS before", "clients3.google.com", "/generate_204", CHROME, (204, "")),
    System("Windows", "www.msftconnecttest.com", "/connecttest.txt", "Microsoft NCSI", (200, "Microsoft Connect Test")),
    System("Windows 8", "www.msftncsi.com", "/ncsi.txt", "Microsoft NCSI", (200, "Microsoft NCSI")),
    System("Firefox", "detectportal.firefox.com", "/canonical.html", FIREFOX,
           (200, '<meta http-equiv="refresh" content="0;url=https://support.mozilla.org/kb/captive-portal"/>'),
           "Cache-Control: no-cache\r\nPragma: no-cache\r\n"),
    System("Firefox's second question", "detectportal.firefox.com", "/success.txt?ipv4", FIREFOX, (200, "success\n")),
    System("GNOME", "nmcheck.gnome.org", "/check_network_status.txt", "NetworkManager/1.52.1",
           (200, "NetworkManager is online\n")),
    System("Debian", "network-test.debian.org", "/nm", "NetworkManager/1.52.1", (200, "NetworkManager is online\n")),
    System("openSUSE", "conncheck.opensuse.org", "/", "NetworkManager/1.52.1", (200, "NetworkManager is online\n")),
    System("Fedora", "fedoraproject.org", "/static/hotspot.txt", "NetworkManager/1.52.1", (200, "OK\n")),
    System("KDE", "networkcheck.kde.org", "/", "Mozilla/5.0 (X11; Linux x86_64) KHTML", (200, "OK\n")),
    System("Ubuntu", "connectivity-check.ubuntu.com", "/", "NetworkManager/1.46.0", (204, "")),
)

TALK = """
import json, socket, sys
address, port, text, timeout = json.loads(sys.argv[1])
try:
    with socket.create_connection((address, port), timeout) as link:
        link.sendall(text.encode("latin-1"))
        data = b""
        while part := link.recv(65536):
            data += part
    print(json.dumps(data.decode()))
except OSError as fault:
    print(json.dumps({"fault": type(fault).__name__}))
"""


class NoAnswer(Exception):
    """The kind of OSError that the phone saw."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str


def talk(made: Spaces, space: str, address: str, text: str, port: int = 80, timeout: float = 3) -> Answer:
    """Send `text` and read until the end. Raises NoAnswer."""
    got = json.loads(made.python(space, TALK, json.dumps([address, port, text, timeout])))
    if isinstance(got, dict):
        raise NoAnswer(got["fault"])
    head, _blank, body = got.partition("\r\n\r\n")
    lines = head.split("\r\n")
    headers = {name.lower(): value for name, _colon, value in (line.partition(": ") for line in lines[1:])}
    return Answer(int(lines[0].split()[1]), headers, body)
