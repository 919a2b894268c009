"""The long-running duty that keeps this node joined to islands (byz-island.service): a WireGuard interface for each, on
which the routing of the mesh speaks as on any other link. Both owners have agreed, or the kernel hears nothing.

The tunnels themselves go out by an uplink of this node that works, shared or not, whatever ways the mesh knows; where
this node has none, by the mesh's way to the Internet.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from byzwizard.backends import dns
from byzwizard.backends.interfaces import index, ip
from byzwizard.backends.system import System
from byzwizard.duty import notify, replace
from byzwizard.errors import ByzantiumError
from byzwizard.islands import Island, link_local, public_key

FOLDER = Path("/run/byzantium/island")
UPLINKS = Path("/run/byzantium/uplink/state.json")  # written by byzwizard.gateway
TICK = 5.0  # seconds between two looks
ALIVE = 180  # seconds after which WireGuard itself gives a peer up (REJECT_AFTER_TIME of its paper)
AGAIN = 60.0  # seconds until a silent island's name is looked up again
KEEPALIVE = 25  # seconds; what wg(8) proposes for those behind a NAT
EVERYTHING = ("0.0.0.0/0", "::/0")  # the routing of the mesh says what goes there
MARK = 0x62797C  # on the packets of the tunnels
TABLE, PREFERENCE = "151", "910"  # of ip-rule(8)


@dataclass(frozen=True)
class Settings:
    """What the stage wrote."""

    key: str
    islands: tuple[Island, ...]
    dns: tuple[str, ...]


def settings(folder: Path) -> Settings:
    data = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    return Settings(data["key"], tuple(Island(**one) for one in data["islands"]), tuple(data["dns"]))


def way_out(path: Path) -> tuple[str, str] | None:
    """The first port with a working way to the Internet, and the router there."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        for port in json.loads(path.read_text(encoding="utf-8"))["ports"]:
            if port["working"] and port["router"]:
                return str(port["port"]), str(ipaddress.IPv4Address(port["router"]))
    return None


@contextlib.contextmanager
def _refused() -> Iterator[None]:
    """What the kernel refuses is an OSError here, which pyroute2's is not."""
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        yield
    except NetlinkError as fault:
        raise OSError(fault.code, os.strerror(fault.code)) from fault


class Tunnels:
    """WireGuard's own settings, by netlink. All raise OSError."""

    def __init__(self) -> None:
        from pyroute2 import WireGuard

        self._link = WireGuard()

    def close(self) -> None:
        self._link.close()

    @_refused()
    def set(self, island: Island, key: str) -> None:
        peer = {"public_key": island.key, "allowed_ips": list(EVERYTHING), "persistent_keepalive": KEEPALIVE}
        self._link.set(island.name, private_key=key, listen_port=island.listen, fwmark=MARK, peer=peer)

    @_refused()
    def call(self, island: Island, address: str) -> None:
        peer = {"public_key": island.key, "endpoint_addr": address, "endpoint_port": island.port}
        self._link.set(island.name, peer=peer)

    @_refused()
    def heard(self, island: Island) -> int:
        """When the other end last proved its key, in seconds of the epoch; 0 for never."""
        for message in self._link.info(island.name):
            for peer in message.get_attr("WGDEVICE_A_PEERS") or ():
                last: dict[str, Any] = peer.get_attr("WGPEER_A_LAST_HANDSHAKE_TIME") or {}
                return int(last.get("tv_sec", 0))
        return 0


class Duty:
    def __init__(self, system: System, folder: Path = FOLDER, uplinks: Path = UPLINKS) -> None:
        self._system, self._folder, self._uplinks = system, folder, uplinks
        self._settings = settings(folder)
        self._tunnels: Tunnels | None = None
        self._way: tuple[str, str] | None = None
        self._due: dict[str, float] = {}  # when a silent island is called anew
        self._joined: dict[str, bool] = {}
        self._over = threading.Event()

    def run(self) -> None:
        """Until SIGTERM or SIGINT; then nothing of it is left. Raises ByzantiumError where there is no WireGuard."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._over.set())
        try:
            self._forget_ways()
            for island in self._settings.islands:
                self._make(island)
            self._look()
            notify("READY=1")
            while not self._over.wait(TICK):
                self._look()
                notify("WATCHDOG=1")
        finally:
            self._forget_ways()
            here = [island.name for island in self._settings.islands if index(island.name) is not None]
            if here:
                ip(self._system, *(f"link del dev {name}" for name in here))

    def _make(self, island: Island) -> None:
        """An interface that an earlier run left is used again."""
        if index(island.name) is None:
            ip(self._system, f"link add {island.name} type wireguard")
        self._tunnels = self._tunnels or Tunnels()
        self._tunnels.set(island, self._settings.key)
        own = link_local(public_key(self._settings.key))
        ip(self._system, f"addr replace {own}/64 dev {island.name} nodad", f"link set dev {island.name} up")

    def _forget_ways(self) -> None:
        """Also those of a run that was killed."""
        while self._system.run("ip", "-4", "rule", "del", "pref", PREFERENCE, ok=(0, 1, 2)).status == 0:
            continue
        self._system.run("ip", "-4", "route", "flush", "table", TABLE, ok=(0, 1, 2))
        self._way = None

    def _look(self) -> None:
        try:
            self._lead(way_out(self._uplinks))
            rows = [self._tend(island, time.monotonic()) for island in self._settings.islands]
        except (ByzantiumError, OSError) as fault:
            say(str(fault))
            return
        replace(self._folder / "state.json", json.dumps({"islands": rows}, indent=1) + "\n")

    def _lead(self, way: tuple[str, str] | None) -> None:
        """The packets of the tunnels go by this port."""
        if way != self._way:
            self._forget_ways()
        if way is None:
            return
        port, router = way
        # Each time: the kernel drops it with the port's last address, which may be back by now.
        ip(self._system, f"route replace default via {router} dev {port} onlink table {TABLE}")
        if way != self._way:
            ip(self._system, f"rule add pref {PREFERENCE} fwmark {MARK} lookup {TABLE}")
            self._due.clear()
        self._way = way

    def _tend(self, island: Island, now: float) -> dict[str, Any]:
        """A row of state.json; `heard` is in seconds of the epoch. An interface that somebody took away comes back."""
        assert self._tunnels is not None
        if index(island.name) is None:
            self._make(island)
        heard = self._tunnels.heard(island)
        joined = heard > 0 and 0 <= time.time() - heard < ALIVE
        if joined != self._joined.get(island.name, False):
            say(f"{island.name}: {'joined' if joined else 'not heard any more'}")
        self._joined[island.name] = joined
        if not joined and island.host and now >= self._due.get(island.name, 0):
            self._due[island.name] = now + AGAIN
            address = self._address(island.host)
            if address:
                self._tunnels.call(island, address)
        return {
            "name": island.name,
            "key": island.key,
            "host": island.host,
            "listen": island.listen,
            "joined": joined,
            "heard": heard,
        }

    def _address(self, host: str) -> str | None:
        """By the way that the tunnels take."""
        with contextlib.suppress(ValueError):
            return str(ipaddress.IPv4Address(host))
        for server in self._settings.dns:
            with contextlib.suppress(dns.NoAnswer):
                return next(iter(dns.ask(server, host, mark=MARK)), None)
        return None


def say(text: str) -> None:
    """One line in the journal for each decision."""
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Until SIGTERM or SIGINT. Exit status 0, or 1 where there can be no tunnel."""
    try:
        Duty(System()).run()
    except (ByzantiumError, OSError) as fault:
        say(str(fault))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
