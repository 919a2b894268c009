"""The long-running duty of a node: to learn the names of the others.

It reads what strangers wrote, so it runs as a user of its own in a sandbox (byz-tend.service), imports little, and
believes nothing that directory.check has not passed. It writes hosts and services for dnsmasq, a list of services for
the front page, and nodes.json for status.
"""

import asyncio
import contextlib
import json
import random
import signal
import socket
import sys
import time
from pathlib import Path

from byzwizard import fulldisks
from byzwizard.backends import directory, linked, routes
from byzwizard.backends.fetch import fetch, hops
from byzwizard.backends.webanswer import NotFetched
from byzwizard.book import Book, Peer, read_own
from byzwizard.duty import fill, notify, replace, tell, text

NAMES = Path("/run/byzantium/names")
OWN = Path("/run/byzantium/web/root" + directory.PATH)
CONFIG = Path("/run/byzantium/dnsmasq")  # servers and probes, as they are to be where they are wanted
BLOCKED = Path("/run/byzantium/blocked")  # ids of nodes that the owner does not want to know
FACTS = Path("/run/byzantium/services.json")  # what this node offers, and how that links itself with others
UPLINK = Path("/run/byzantium/uplink")  # what byzwizard.gateway says of ports; dns: what is behind a shared one
ROUTES_EVERY = 5.0  # seconds, in case a message about a change was lost
HOP = 1.5  # seconds for one try of counting hops: longer than the first retransmission
TIMEOUT = 5.0  # seconds for one answer
PASSED_ON = frozenset({"hosts", "announced", "probes", "servers", "clock/mesh.sources"})  # by byz-names.service
SETTLED_AFTER = 15.0  # seconds after a start in which old names stay while nodes are asked again
BREATH = 0.2  # seconds between two looks at the least, however fast routes flap,
SHARE = 4  # and this many times as long as the last one took
AT_ONCE = 32  # questions under way
COUNTING = 8  # counts of hops under way, which may take long and keep no question waiting
NEWS = "/.well-known/byzantium.news"
NEWS_EVERY = 4.0  # seconds: a change gets so far from a node to its neighbours
NEWS_LIMIT = 8 * 1024  # bytes
OWN_EVERY = 1.0  # seconds until a change of our own document is seen
DISKS_EVERY = 1.0  # seconds: as much as comes in by a cable until then has room


class Tend:
    """The loop: routes to peers, peers to documents, documents to files."""

    def __init__(self, folder: Path = NAMES, own: Path = OWN, config: Path = CONFIG, blocked: Path = BLOCKED,
                 facts: Path = FACTS, uplink: Path = UPLINK) -> None:
        self._folder, self._own, self._config, self._blocked, self._facts = folder, own, config, blocked, facts
        self._uplink = uplink
        self._book = Book()
        self._book.know_former(text(folder / "blocked"))
        self._began = time.monotonic()
        self._changed = asyncio.Event()
        self._counting = asyncio.Semaphore(COUNTING)
        self._counts: set[asyncio.Task[None]] = set()
        self._asking: set[asyncio.Task[None]] = set()
        self._clashed: str | None = None  # the id of who was told of

    def stop(self) -> None:
        for task in asyncio.all_tasks():
            task.cancel()

    async def run(self) -> None:
        watched = routes.watch()
        loop = asyncio.get_running_loop()
        loop.add_reader(watched, self._on_change, watched)
        loop.add_signal_handler(signal.SIGTERM, self.stop)
        self._tell_former()
        try:
            async with asyncio.TaskGroup() as duties:
                for duty in (self._keep_up, self._hear, self._watch_own, self._watch_disks):
                    duties.create_task(duty())
        finally:
            loop.remove_reader(watched)
            watched.close()

    def _tell_former(self) -> None:
        """What an earlier run wrote and could not tell any more."""
        for who in ("names", *(f"links-{path.name}" for path in (self._folder / "links").glob("*"))):
            tell(self._folder, who)
        if text(self._folder / "clash"):
            tell(self._folder, "move")

    async def _keep_up(self) -> None:
        """Look again whenever something has changed."""
        ready = False
        while True:
            began = time.monotonic()
            self._look()
            took = time.monotonic() - began
            notify("WATCHDOG=1" if ready else "READY=1")
            ready = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self._pause())
            await asyncio.sleep(max(BREATH, SHARE * took))
            self._changed.clear()

    def _on_change(self, watched: socket.socket) -> None:
        routes.drain(watched)
        self._changed.set()

    def _pause(self) -> float:
        """Until somebody is due; but whom an answer makes room for is asked by the one that has answered."""
        if len(self._asking) >= AT_ONCE:
            return ROUTES_EVERY
        now = time.monotonic()
        return max(0.1, min([ROUTES_EVERY] + [peer.due - now for peer in self._book.peers.values() if not peer.asking]))

    def _look(self) -> None:
        self._book.know_own(read_own(self._own))
        self._book.blocked = frozenset(text(self._blocked).split())
        table = routes.read()
        self._book.routed({route.node for route in table.nodes})
        self._book.routed_six(table.sixes)
        own_way = _leads_out(text(self._uplink / "state.json"))
        self._lead(table.out, own_way)
        self._tell_clash()
        self._ask_due()
        replace(self._folder / "news", self._book.news())
        late = time.monotonic() - self._began > SETTLED_AFTER
        if late or self._book.settled() or not (self._folder / "hosts").exists():
            (self._folder / "clock").mkdir(exist_ok=True)
            self._write({
                "hosts": self._book.hosts(), "nodes.json": self._book.state(),
                "blocked": self._book.blocked_networks(), **self._book.pieces(),
                "clock/mesh.sources": self._book.clocks(table.shares or own_way)})
            for name in fill(self._folder / "links", self._links()):
                tell(self._folder, f"links-{name}")
            fill(self._folder / "air", self._book.on_air())

    def _write(self, files: dict[str, str]) -> None:
        """By their names; whom some of them matter to is told."""
        changed = {name for name, content in files.items() if replace(self._folder / name, content)}
        if changed & PASSED_ON:
            tell(self._folder, "names")

    def _links(self) -> dict[str, str]:
        """A file for each service of this node that links itself with those of others (byz-links@.service)."""
        return {one.name: self._book.links(one) for one in linked.services(text(self._facts))}

    def _ask_due(self) -> None:
        for peer in self._book.due(AT_ONCE - len(self._asking)):
            peer.asking = True
            task = asyncio.create_task(self._ask(peer))
            self._asking.add(task)
            task.add_done_callback(self._asked)

    def _asked(self, task: asyncio.Task[None]) -> None:
        self._asking.discard(task)
        if not task.cancelled():
            self._ask_due()

    async def _hear(self) -> None:
        """Ask neighbours for news, for good."""
        while True:
            await asyncio.sleep(NEWS_EVERY * random.uniform(0.8, 1.2))
            await asyncio.gather(*(self._hear_of(peer) for peer in self._book.near()))

    async def _hear_of(self, peer: Peer) -> None:
        """Who has none is of an older version, or goes: both show otherwise."""
        with contextlib.suppress(NotFetched):
            body = await fetch(peer.address, NEWS, NEWS_LIMIT, NEWS_EVERY)
            self._book.heard(peer, body.decode("ascii", "replace"))
            self._ask_due()

    async def _watch_own(self) -> None:
        """What this node says of itself changes: others are told at once."""
        seen: tuple[int, int] | None = None
        while True:
            with contextlib.suppress(FileNotFoundError):
                found = self._own.stat()
                now = found.st_ino, found.st_mtime_ns
                if now != seen:
                    self._changed.set()
                seen = now
            await asyncio.sleep(OWN_EVERY)

    async def _watch_disks(self) -> None:
        """For nginx: a file for each service whose disk is full."""
        while True:
            fill(self._folder / "full", dict.fromkeys(fulldisks.services(), ""))
            await asyncio.sleep(DISKS_EVERY)

    def _tell_clash(self) -> None:
        """For byz-move.service: the other node, where it is this one that moves; else nothing. A line for each case."""
        own, other = self._book.own, self._book.clash()
        move = other is not None and directory.moves(own.id, other.id)
        if other is not None and other.id != self._clashed:
            shared = next(iter(own.addresses.intersection(other.claims)))
            who = "this node takes another" if move else "that one takes another, for its id is the greater"
            print(f"{other.id} ({other.name}) has the network of {shared} too: {who}", file=sys.stderr, flush=True)
        self._clashed = other.id if other else None
        if replace(self._folder / "clash", json.dumps({"id": other.id, "addresses": sorted(own.addresses)}) + "\n"
                   if other and move else "") and move:
            tell(self._folder, "move")

    def _lead(self, out: bool, own_way: bool) -> None:
        """Whom dnsmasq asks for the names of others: name servers while something leads out to them, nobody (a lookup
        fails at once) and ourselves for the probes of phones while nothing does. Nor do phones get names by a way that
        is not shared: with no server at all dnsmasq refuses, and the node itself asks the next one of resolv.conf."""
        nobody = "" if own_way else "server=/#/\n"
        servers = text(self._config / "servers") + text(self._uplink / "dns") if out else nobody
        self._write({"probes": "" if out else text(self._config / "probes"), "servers": servers})

    async def _count(self, peer: Peer) -> None:
        async with self._counting:
            peer.hops = await hops(peer.address, HOP)
        self._changed.set()

    async def _ask(self, peer: Peer) -> None:
        try:
            body = await fetch(peer.address, directory.PATH, directory.LIMIT, TIMEOUT)
            self._book.answered(peer, body)
            if self._book.to_count(peer):
                task = asyncio.create_task(self._count(peer))
                self._counts.add(task)
                task.add_done_callback(self._counts.discard)
        except (NotFetched, directory.BadDocument) as fault:
            if peer.trouble != str(fault):
                print(f"{peer.address}: {fault}", file=sys.stderr, flush=True)
            self._book.failed(peer, str(fault), isinstance(fault, directory.BadDocument))
        finally:
            peer.asking = False
            self._changed.set()


def _leads_out(state: str) -> bool:
    """From byzwizard.gateway's state.json: does a port of this node lead to the Internet, shared or not?"""
    try:
        return any(port["working"] for port in json.loads(state or "null")["ports"])
    except (ValueError, TypeError, KeyError):
        return False


def main() -> int:
    """Until SIGTERM or SIGINT. Exit status 0."""
    with contextlib.suppress(asyncio.CancelledError, KeyboardInterrupt):
        asyncio.run(Tend().run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
