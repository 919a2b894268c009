"""After a radio has joined its mesh or cell: the settings for which wpa_supplicant has no words.

Run by byz-mesh@.service after every start, also after one by systemd itself, as `python -I -S joined.py IFACE CONTROL`
(CONTROL: the daemon's folder of control sockets): standard library only. Exit 1 with a sentence when the radio does
not join in time.
"""

import os
import socket
import sys
import time

SECONDS = 30.0
MESH, AD_HOC, STATION = "5", "1", "0"  # wpa_supplicant's words for the mode of a network
# kbit/s/1000: broadcasts would else go out at the lowest rate and fill the air (Gluon's compromise with reach).
MULTICAST_MBPS = "12"


def state(path: str, left: float) -> dict[str, str]:
    """wpa_supplicant's STATUS; empty while it does not answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as control:
        control.settimeout(max(0.1, left))
        try:
            control.bind("")  # Linux gives a free abstract address, so that the answer needs no file
            control.connect(path)
            control.send(b"STATUS")
            answer = control.recv(65536).decode(errors="replace")
        except OSError:
            return {}
    return dict(line.partition("=")[::2] for line in answer.splitlines() if "=" in line)


def mode_of(path: str) -> str:
    """The mode in a configuration of ours."""
    with open(path, encoding="utf-8") as file:
        return next((line.strip()[5:] for line in file if line.strip().startswith("mode=")), STATION)


def main(interface: str, folder: str) -> int:
    end = time.monotonic() + SECONDS
    path = os.path.join(folder, interface)
    mode = mode_of(os.path.join(os.path.dirname(folder), f"{interface}.conf"))
    # A station may wait for its hub for days: that the daemon answers is enough.
    wanted = ("COMPLETED",) if mode != STATION else ("COMPLETED", "SCANNING", "DISCONNECTED", "ASSOCIATING", "INACTIVE")
    daemon = os.path.join("/proc", os.environ.get("MAINPID", "self"))
    while state(path, min(2.0, end - time.monotonic())).get("wpa_state") not in wanted:
        if not os.path.exists(daemon):
            return 1  # it has told why
        if time.monotonic() >= end:
            print(f"{interface} could not join the mesh within {SECONDS:.0f} s.", file=sys.stderr)
            return 1
        time.sleep(0.05)
    # Routing is babel's: the kernel's own mesh routing stays out of its way.
    quiet = ("set", "mesh_param", "mesh_nolearn", "1", "mesh_gate_announcements", "0")
    rate = ("set", "mcast_rate", MULTICAST_MBPS)
    for command in {MESH: (quiet, rate), AD_HOC: (rate,)}.get(mode, ()):
        child = os.posix_spawnp("iw", ["iw", "dev", interface, *command], os.environ)
        if os.waitpid(child, 0)[1]:  # a driver that does not take it still meshes
            print(f"The driver of {interface} does not take: {' '.join(command)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
