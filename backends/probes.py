"""What phones and computers ask to find out whether a network leads anywhere, and what they take for a yes.

Each system fetches a page of its maker over plain HTTP when it joins. Another answer than the one it knows is a portal,
which it opens; no answer is a network without Internet, which phones leave. Hosts and answers are those of the systems'
own sources and manuals; what a host is asked besides is sent to the front page.
"""

from __future__ import annotations

from dataclasses import dataclass

APPLE = "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>"
FIREFOX = '<meta http-equiv="refresh" content="0;url=https://support.mozilla.org/kb/captive-portal"/>'


@dataclass(frozen=True)
class Probe:
    """`body` is None where an empty answer (204) is the yes; `lines` follow the body."""

    hosts: tuple[str, ...]
    paths: tuple[str, ...]
    body: str | None
    type: str = "text/plain"
    lines: str = ""


PROBES = (
    # iOS, iPadOS, macOS
    Probe(("captive.apple.com",), ("/hotspot-detect.html", "/library/test/success.html", "/"), APPLE, "text/html"),
    # Android, ChromeOS and Chromium; Xiaomi's and Huawei's own
    Probe(("connectivitycheck.gstatic.com", "connectivitycheck.android.com", "clients3.google.com",
           "play.googleapis.com", "www.gstatic.com", "www.google.com", "connect.rom.miui.com",
           "connectivitycheck.platform.hicloud.com"),
          ("/generate_204", "/gen_204"), None),
    # Windows 10 and 11, and those before
    Probe(("www.msftconnecttest.com",), ("/connecttest.txt",), "Microsoft Connect Test"),
    Probe(("www.msftncsi.com",), ("/ncsi.txt",), "Microsoft NCSI"),
    # Firefox
    Probe(("detectportal.firefox.com",), ("/success.txt",), "success", lines="\\n"),
    Probe(("detectportal.firefox.com",), ("/canonical.html",), FIREFOX, "text/html"),
    # NetworkManager as GNOME and the distributions set it up
    Probe(("nmcheck.gnome.org",), ("/check_network_status.txt",), "NetworkManager is online", lines="\\n"),
    Probe(("network-test.debian.org",), ("/nm",), "NetworkManager is online", lines="\\n"),
    Probe(("ping.archlinux.org",), ("/nm-check.txt",), "NetworkManager is online", lines="\\n"),
    Probe(("conncheck.opensuse.org",), ("/",), "NetworkManager is online", lines="\\n"),
    Probe(("fedoraproject.org",), ("/static/hotspot.txt",), "OK", lines="\\n"),
    Probe(("connectivity-check.ubuntu.com",), ("/",), None),
    # KDE
    Probe(("networkcheck.kde.org",), ("/",), "OK", lines="\\n"),
)
# Windows looks this name up before it fetches a page.
NCSI = ("dns.msftncsi.com", "131.107.255.255")


def hosts(here: str) -> str:
    """For dnsmasq while there is no Internet: the makers' hosts are here."""
    names = dict.fromkeys(host for probe in PROBES for host in probe.hosts)
    return "".join(f"{here} {name}\n" for name in names) + f"{NCSI[1]} {NCSI[0]}\n"


def _location(probe: Probe, path: str) -> str:
    if probe.body is None:
        return f"        location = {path} {{ return 204; }}\n"
    return (f"        location = {path} {{ default_type {probe.type};"
            f" return 200 '{probe.body}{probe.lines}'; }}\n")


def servers(listen: str) -> str:
    """For nginx: a server for each host, which says yes to whoever has gone through the portal."""
    text = ""
    for host in dict.fromkeys(host for probe in PROBES for host in probe.hosts):
        locations = "".join(_location(probe, path) for probe in PROBES if host in probe.hosts for path in probe.paths)
        text += (f"    server {{\n{listen}        server_name {host};\n"
                 f"        add_header Cache-Control \"no-store\" always;\n"
                 f"        add_header X-NetworkManager-Status online always;\n{locations}"
                 f"        location / {{ return 302 http://here.byzantium.mesh/; }}\n    }}\n")
    return text
