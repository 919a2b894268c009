"""The long-running duty of a node's wired ports (byz-gateway.service): which of them lead to the Internet, which serve
clients, and whether the mesh may use what is there.

A port that leads on is shared while the owner allows it and two of three well-known servers answer through it: then a
default route of a protocol number of its own stands in the kernel's table, which babeld announces, and nftables lets
the mesh out. Nothing that a server said is believed but addresses (backends/leases.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from byzwizard.backends import facts, strangers
from byzwizard.backends.interfaces import index, ip, is_up
from byzwizard.backends.links import read_links
from byzwizard.backends.ownlan import OwnWays
from byzwizard.backends.ports import Port
from byzwizard.backends.reach import reaches
from byzwizard.backends.routes import PROTO_ENDING, PROTO_SHARED
from byzwizard.backends.system import System
from byzwizard.backends.wired import read_wired
from byzwizard.duty import notify, replace, tell
from byzwizard.errors import ByzantiumError
from byzwizard.values import subnet

FOLDER = Path("/run/byzantium/uplink")
BLOCKED = Path("/run/byzantium/names/blocked")  # written by tend
EVERY = 5.0  # seconds between two rounds of questions through a port that is shared,
IDLE = 60.0  # and through one that is not
AGAIN = 1.0  # after a round that failed
LOST = 2  # rounds that fail one after the other before the way out is withdrawn: 10 s at most with the above
ENDING = 3.0  # seconds for babeld to tell that a way is worth nothing any more
TICK = 1.0
FAULTY = 10.0  # seconds until a port that could not be looked after is tried again
SETTLE = 2.0  # seconds until a new interface has the name that it keeps
LOOK = 3.0  # seconds between two looks for strangers on client ports
SAFE = 15.0  # seconds until the sets are filled anew, in case the tables were


@dataclass(frozen=True)
class Settings:
    """What the stage wrote: `share` is ask, auto, never, or names of ports; `meshing` are the ports to leave alone."""

    meshing: tuple[str, ...]
    share: str | tuple[str, ...]
    dns: tuple[str, ...]
    subnet: str
    stations: Mapping[str, Mapping[str, str]]  # ports that are radios: the network's ssid, and the radio's own name

    def allows(self, port: str) -> bool:
        return self.share == "auto" or (isinstance(self.share, tuple) and port in self.share)


def settings(folder: Path) -> Settings:
    data = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    share = data["share"]
    return Settings(tuple(data["meshing"]), share if isinstance(share, str) else tuple(share), tuple(data["dns"]),
                    data["subnet"], data["stations"])


def blocked(path: Path, own: str) -> list[str]:
    """The networks of nodes that are blocked. Of whoever wrote the file no more is believed: all lines are networks of
    other nodes, or none counts."""
    with contextlib.suppress(OSError, ValueError):
        return sorted({subnet(line) for line in path.read_text(encoding="utf-8").splitlines()} - {own, "auto"})
    return []


@dataclass
class Health:
    """What the questions through one port have told."""

    working: bool = False
    failures: int = 0
    due: float = 0.0

    def told(self, good: bool, now: float, every: float) -> None:
        if good:
            self.working, self.failures, self.due = True, 0, now + every
            return
        self.failures += 1
        self.working = self.working and self.failures < LOST
        self.due = now + (AGAIN if self.failures < LOST else every)


def replugged(system: System, new: frozenset[str], names: Collection[str]) -> bool:
    """Is one of these new interfaces what this node lacks: a link or access point of its own that came back without
    being set up, what its answers name, or a radio where one is missing or none meshes?"""
    known = facts.read(system)
    if known is None:
        return False
    ours = {link.name for link in known.links} | set(known.access_points)
    if any(name in ours and not is_up(system, name) for name in new):
        return True
    if new.intersection(known.missing):
        return True
    lacks = not ours <= set(names) or not known.links or facts.WIFI in known.missing
    return lacks and any(system.path(f"/sys/class/net/{name}/phy80211").exists() for name in new - ours)


Way = tuple[str, str]  # a port, and the router there


def route(way: Way, proto: int) -> str:
    """For ip(8). The same metric for both protocol numbers, so that one takes the other's place."""
    port, router = way
    return f"default via {router} dev {port} onlink proto {proto} metric {512 + (index(port) or 0) % 500}"


class Gateway:
    def __init__(self, system: System, folder: Path = FOLDER) -> None:
        self._system, self._folder = system, folder
        self._settings = settings(folder)
        self._ports = {name: self._port(name) for name in self._settings.stations}
        self._names: dict[str, int | None] = {}  # of all interfaces at the last look, with their numbers
        self._settled = 0.0  # when these names are believed
        self._before: dict[str, int | None] = {}  # those that were believed last
        self._health: dict[str, Health] = {}
        self._asking: set[asyncio.Task[None]] = set()
        self._routes: set[Way] = set()  # those that stand in the table
        self._ending: dict[Way, float] = {}  # those that are announced as worth nothing, until when
        self._own = OwnWays(system)
        self._synced = 0.0
        self._looked = 0.0
        self._faults: dict[str, tuple[str, float]] = {}  # of ports, and when each is tried again

    def _port(self, name: str) -> Port:
        serves = name not in self._settings.stations
        return Port(name, self._system, self._folder, self._settings.subnet, serves)

    def _plugged(self, now: float) -> bool:
        """Look after the wired ports that are here, whenever they came. True when there are others than before."""
        # One that went and came has its name again, and another number.
        names = {entry.name: index(entry.name) for entry in self._system.path("/sys/class/net").iterdir()}
        if names != self._names:
            self._names, self._settled = names, now + SETTLE
        if not self._settled or now < self._settled:
            return False
        self._settled = 0.0
        new = frozenset(name for name, number in names.items() if self._before.get(name) != number)
        if self._before and replugged(self._system, new, names.keys()):
            say("a radio or cable of this node is back, or a new one came: it is taken")
            tell(self._folder, "plugged")
        self._before = names
        here = {port.interface for port in read_wired(self._system, read_links(self._system))}
        here -= set(self._settings.meshing)
        gone = self._ports.keys() - here - self._settings.stations.keys()
        for name in gone:
            self._ports.pop(name).leave()
            say(f"{name}: not here any more")
        self._ports |= {name: self._port(name) for name in sorted(here - self._ports.keys())}
        return bool(gone)

    def _forget_former(self) -> None:
        """What a former run left behind when it was killed, also at ports that mesh by now."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            former = json.loads((self._folder / "state.json").read_text(encoding="utf-8"))
            for port in former["ports"]:
                if index(port["port"]) is None:
                    continue
                with contextlib.suppress(ByzantiumError):
                    if port["state"] in ("clients", "refused"):
                        self._port(port["port"]).free()
                    if port["state"] == "uplink" and port["address"]:
                        ip(self._system, f"addr del {port['address']} dev {port['port']}")
        for proto in (PROTO_SHARED, PROTO_ENDING):
            self._system.run("ip", "-4", "route", "flush", "proto", str(proto), ok=(0, 1, 2))

    def stop(self) -> None:
        for task in asyncio.all_tasks():
            task.cancel()

    async def run(self) -> None:
        """Until cancelled; then everything is as it was found."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.stop)
        self._forget_former()
        self._write()
        notify("READY=1")
        try:
            while True:
                self.tick(time.monotonic())
                notify("WATCHDOG=1")
                await asyncio.sleep(TICK)
        finally:
            for port in self._ports.values():
                port.leave()
            self._health.clear()
            self._sync(time.monotonic())
            self._end(float("inf"))

    def tick(self, now: float) -> None:
        self._end(now)
        changed = self._plugged(now)
        for port in self._ports.values():
            changed |= self._step(port, now)
        if now - self._looked >= LOOK and any(port.state == "clients" for port in self._ports.values()):
            self._looked = now
            changed |= self._look_for_strangers(now)
        self._ask(now)
        if changed or now - self._synced >= SAFE:
            self._sync(now)

    def _step(self, port: Port, now: float) -> bool:
        """What cannot be (a radio that is switched off) is said once, and tried again after a while."""
        state, (said, due) = port.state, self._faults.get(port.name, ("", 0.0))
        if now < due:
            return False
        changed = False
        try:
            changed = port.step(now)
            self._faults.pop(port.name, None)
        except (ByzantiumError, OSError) as fault:
            if str(fault) != said:
                say(f"{port.name}: {fault}")
            self._faults[port.name] = (str(fault), now + FAULTY)
        if port.state != state:
            self._tell(port)
        return changed

    def _look_for_strangers(self, now: float) -> bool:
        found = [(port, mac) for port, mac in strangers.read(self._system).items()
                 if port in self._ports and self._ports[port].state == "clients"]
        for port, mac in found:
            self._ports[port].withdraw(mac, now)
            self._tell(self._ports[port])
        return bool(found)

    def _ask(self, now: float) -> None:
        """Start a round through each port whose time has come."""
        ways = {port.name for port in self._ports.values() if port.lease and port.lease.router}
        for name in self._health.keys() - ways:
            del self._health[name]
        for name in ways:
            health = self._health.setdefault(name, Health())
            if now >= health.due:
                health.due = now + IDLE  # the answer sets it anew
                task = asyncio.create_task(self._round(name, health))
                self._asking.add(task)
                task.add_done_callback(self._asking.discard)

    async def _round(self, name: str, health: Health) -> None:
        good = await reaches(name, self._settings.dns)
        was = health.working
        health.told(good, time.monotonic(), EVERY if self._settings.allows(name) else IDLE)
        if was != health.working and self._health.get(name) is health:
            say(f"{name}: the Internet {'answers' if health.working else 'does not answer any more'}")
            self._sync(time.monotonic())

    def _leading(self) -> set[Way]:
        """Where the Internet answers, shared or not."""
        return {(port.name, port.lease.router) for port in self._ports.values() if port.lease and port.lease.router
                and port.name in self._health and self._health[port.name].working}

    def _shared(self) -> list[Port]:
        return [self._ports[name] for name, _router in sorted(self._leading()) if self._settings.allows(name)]

    def _sync(self, now: float) -> None:
        """Sets, routes, name servers and the state that others read follow from the ports. Rules come first where a
        way opens, and a way is closed before its rules go."""
        self._synced = now
        shared, leading = self._shared(), self._leading()
        wanted = {way for way in leading if self._settings.allows(way[0])}
        try:
            self._close(self._routes - wanted, now)
            self._own.keep(((port.name, port.lease) for port in self._ports.values() if port.lease), leading)
            self._fill(shared)
            self._open(wanted)
        except ByzantiumError as fault:
            say(str(fault))
        clash = next((f"{port.clash}\n" for port in self._ports.values() if port.clash), "")
        if replace(self._folder / "clash", clash) and clash:
            tell(self._folder, "move")
        replace(self._folder / "dns", "".join(
            f"server={server}\n" for port in shared if port.lease for server in port.lease.dns))
        self._write()

    def _close(self, ways: set[Way], now: float) -> None:
        for way in ways:
            self._routes.discard(way)
            # It may have gone with the cable: then there is nothing to end.
            if self._system.run("ip", "route", "replace", *route(way, PROTO_ENDING).split(), ok=(0, 1, 2)).status == 0:
                self._ending[way] = now + ENDING

    def _end(self, now: float) -> None:
        """Take out the ways whose end has been announced."""
        for way, until in list(self._ending.items()):
            if now >= until:
                del self._ending[way]
                self._system.run("ip", "route", "del", *route(way, PROTO_ENDING).split(), ok=(0, 1, 2))

    def _open(self, ways: set[Way]) -> None:
        for way in ways:
            ip(self._system, f"route replace {route(way, PROTO_SHARED)}")
            self._routes.add(way)
            self._ending.pop(way, None)

    def _fill(self, shared: Sequence[Port]) -> None:
        leased = [port for port in self._ports.values() if port.state in ("uplink", "held")]
        sets = {
            "inet byz-gateway shared": [f'"{port.name}"' for port in shared],
            "inet byz-gateway lans": sorted({port.lease.network for port in leased if port.lease}),
            "inet byz-filter blocked": blocked(BLOCKED, self._settings.subnet),
            "bridge byz-ports served": [f'"{port.name}"' for port in self._ports.values() if port.state == "clients"],
        }
        self._system.run("nft", "-f", "-", stdin="".join(
            f"flush set {name}\n" + (f"add element {name} {{ {', '.join(elements)} }}\n" if elements else "")
            for name, elements in sets.items()))

    def _write(self) -> None:
        """state.json, for `status`, and for byz-lease.service."""
        shared = {port.name for port in self._shared()}
        rows = []
        for port in self._ports.values():
            station = self._settings.stations.get(port.name, {})
            lease = asdict(port.lease) if port.lease else {"address": None, "router": None, "server": None}
            rows.append({
                "port": port.name, "state": port.state, "address": lease["address"], "router": lease["router"],
                "server": lease["server"], "stranger": port.stranger, "shared": port.name in shared,
                "allowed": self._settings.allows(port.name),
                "working": port.name in self._health and self._health[port.name].working,
                "asks": self._settings.share == "ask",
                "network": station.get("ssid"), "interface": station.get("interface", port.name)})
        if replace(self._folder / "state.json", json.dumps({"ports": rows}, indent=1) + "\n"):
            tell(self._folder, "lease")

    def _tell(self, port: Port) -> None:
        words = {
            "empty": "nothing is plugged in", "listening": "listening", "clients": "silence; it serves clients now",
            "uplink": f"an answer from {port.lease.server if port.lease else 'a router'}; it is an uplink"
                      + (f", in {port.clash}, where this node's own network for clients is" if port.clash else ""),
            "refused": (f"{port.stranger} gives out addresses there too" if port.stranger else
                        "it leads back to this node, by another of its ports") + "; nobody is served there",
            "held": "somebody else has set it up; it is left alone",
        }
        say(f"{port.name}: {words[port.state]}")


def say(text: str) -> None:
    """One line in the journal for each decision."""
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Until SIGTERM or SIGINT. Exit status 0."""
    async def duty() -> None:
        await Gateway(System()).run()

    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(duty())
    return 0


if __name__ == "__main__":
    sys.exit(main())
