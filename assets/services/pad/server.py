"""The pads of this node: texts that several people write at once, each a document of Yjs in a file of its own.

Browsers come by nginx: a WebSocket at ?pad=NAME speaks the protocol of y-websocket, one without a name is told which
pads there are. Other nodes come the same way. Of two nodes one calls (the descriptor's links): it asks again and again
for the pads of the other, makes equal what is not, and stays in those that people here look at. Each keeps all, so that
nodes that lost each other go on, and merge when they meet again.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import re
import signal
import ssl
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from pycrdt import Channel, Doc, Text, TransactionEvent, YMessageType, YSyncMessageType
from pycrdt.websocket import WebsocketServer, YRoom, exception_logger
from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Origin

PORT = 8109
LIMIT = 512 << 10  # bytes of a pad, with what Yjs remembers of what was deleted; the page stops at 100,000 letters
MOST = 100  # pads
TOLD = 2 * MOST * 64  # characters in which a node says which it has, though it has some more
OPEN = 24  # in memory at a time
PEOPLE = 200  # connections
UNSENT = 64  # messages that wait for one that is slow
LOOK = 1.0  # seconds between two looks for what has changed
IDLE = 20.0  # seconds after which a pad that nobody looks at leaves memory
ROUND = 10.0  # seconds between two questions to another node
QUIET = 2.0  # seconds without news after which two nodes part
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
LINKS = Path("/run/byzantium/names/links/pad")
# Browsers do not come back after 44xx, and do after 45xx (y-websocket).
NO_NAME, TOO_MANY, FULL, TOO_SLOW, BUSY = 4404, 4409, 4413, 4508, 4503


class Pad(YRoom):
    """A document, and who looks at it."""

    def __init__(self, content: bytes | None) -> None:
        super().__init__(exception_handler=exception_logger)
        if content is not None:
            self.ydoc.apply_update(content)
        self.text = self.ydoc.get("content", type=Text)
        self.size = len(content or b"")
        self.changes = self.kept = 0  # how often it changed, and how much of that is in its file
        self.fault, self.left = "", time.monotonic()
        self._watch = self.ydoc.observe(self._count)
        self.on_message_error = _refuse

    def _count(self, _event: TransactionEvent) -> None:
        self.changes += 1

    @property
    def changed(self) -> bool:
        return self.changes != self.kept

    def written(self, name: str, changes: int, fault: str) -> None:
        """So many of its changes are in its file now, or why not: people are told, it is said once, and tried again."""
        if not fault:
            self.kept = changes
        if fault != self.fault:
            self.fault = fault
            self.awareness.set_local_state_field("unkept", fault != "")
            print(f"{name}.pad {f'cannot be kept: {fault}' if fault else 'is kept again'}", file=sys.stderr, flush=True)

    def people(self) -> bool:
        return any(isinstance(link, Link) and not link.of_node for link in self.clients)

    def takes(self, update: bytes) -> bool:
        """Is there room for it?"""
        if self.size + len(update) > LIMIT:
            self.size = len(self.ydoc.get_update())
        self.size += len(update)
        return self.size <= LIMIT

    def digest(self) -> str:
        """Of what it says; empty where that is nothing."""
        text = str(self.text).encode()
        return hashlib.sha256(text).hexdigest()[:16] if text else ""


class Link(Channel):
    """A connection as a pad sees it. Who is where is told to people only: between nodes it would go round."""

    def __init__(self, socket: Connection, pad: Pad, name: str, of_node: bool) -> None:
        self.socket, self.of_node, self.heard = socket, of_node, time.monotonic()
        self._pad, self._name, self._unsent = pad, name, 0

    @property
    def path(self) -> str:
        return self._name

    async def __anext__(self) -> bytes:
        with contextlib.suppress(ConnectionClosed):
            while isinstance(message := await self.socket.recv(), bytes) and message:
                if message[0] == YMessageType.SYNC and message[1:2] != bytes([YSyncMessageType.SYNC_STEP1]):
                    self.heard = time.monotonic()
                    if not self._pad.takes(message):
                        await self.socket.close(FULL, "full")
                        break
                elif message[0] == YMessageType.AWARENESS and (
                        self.of_node or len(message) > 2048 or len(self._pad.awareness.meta) > 4 * PEOPLE):
                    continue
                return message
        raise StopAsyncIteration

    async def recv(self) -> bytes:
        return await self.__anext__()

    async def send(self, message: bytes) -> None:
        if self.of_node and message[0] == YMessageType.AWARENESS:
            return
        self._unsent += 1
        try:
            with contextlib.suppress(ConnectionClosed):
                await (self.socket.send(message) if self._unsent <= UNSENT else self.socket.close(TOO_SLOW, "slow"))
        finally:
            self._unsent -= 1


async def _refuse(_fault: Exception, _message: bytes, link: Channel) -> bool:
    """What is no message of the protocol ends the connection."""
    if isinstance(link, Link):
        await link.socket.close(1002)
    return True


class Pads(WebsocketServer):
    """Those in memory (`rooms`), and those in files NAME.pad of the folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(auto_clean_rooms=False, exception_handler=exception_logger)
        self._folder, self._opening = folder, asyncio.Lock()
        self._writer = ThreadPoolExecutor(1)  # one after the other
        self._digests: dict[str, str] = {}
        self.rooms: dict[str, Pad] = {}  # type: ignore[assignment]  # all are made here

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.pad"

    def names(self) -> set[str]:
        found = {path.stem for path in self._folder.glob("*.pad") if NAME.fullmatch(path.stem)}
        return found | {name for name, pad in self.rooms.items() if pad.changed}

    def digests(self) -> dict[str, str]:
        """What each says that says anything, cut to 16 characters: equal where the texts are."""
        names = self.names()
        for name in names:
            if name in self.rooms:
                self._digests[name] = self.rooms[name].digest()
            elif name not in self._digests:
                self._digests[name] = Pad(self._read(name)).digest()
        self._digests = {name: self._digests[name] for name in names}  # not those that were only looked at
        return {name: digest for name, digest in self._digests.items() if digest}

    def _read(self, name: str) -> bytes | None:
        """What is no pad, whoever put it there, is laid aside as NAME.damaged: other nodes may have it whole."""
        file = self._file(name)
        try:
            if file.stat().st_size > 2 * LIMIT:
                raise ValueError("it is too big")
            content = file.read_bytes()
            Doc().apply_update(content)
        except FileNotFoundError:
            return None
        except ValueError as fault:
            print(f"{file.name} is no pad: {fault}", file=sys.stderr, flush=True)
            file.replace(file.with_suffix(".damaged"))
            return None
        return content

    def refuses(self, name: str) -> int | None:
        """Why it cannot be opened."""
        if not NAME.fullmatch(name):
            return NO_NAME
        if name in self.rooms:
            return None
        if len(self.rooms) >= OPEN:
            return BUSY
        return TOO_MANY if self._has_no_room(name) and not self._empty() else None

    def _has_no_room(self, name: str) -> bool:
        known = self.names() | self.rooms.keys()
        return name not in known and len(known) >= MOST

    def _empty(self) -> set[str]:
        """Those that say nothing, with nobody in them: they give way to new ones."""
        full = self.digests()  # lays aside what is no pad
        return self.names() - full.keys() - self.rooms.keys()

    async def get_room(self, name: str) -> Pad:
        async with self._opening:
            if self._has_no_room(name) and (empty := self._empty()):
                min(map(self._file, empty), key=_written).unlink(missing_ok=True)
            if name not in self.rooms:
                self.rooms[name] = Pad(self._read(name))
            await self.start_room(self.rooms[name])
            return self.rooms[name]

    async def keep(self) -> None:
        """Write down what has changed, and let go of what nobody looks at, for good."""
        while True:
            await asyncio.sleep(LOOK)
            for name, pad in list(self.rooms.items()):
                if pad.changed:
                    pad.written(name, pad.changes, await asyncio.wrap_future(self._write(name, pad)))
                if pad.clients:
                    pad.left = time.monotonic()
                elif time.monotonic() - pad.left > IDLE and not pad.changed and not self._opening.locked():
                    self._digests[name] = pad.digest()
                    await self.delete_room(name=name)

    def save(self) -> None:
        for name, pad in self.rooms.items():
            if pad.changed:
                pad.written(name, pad.changes, self._write(name, pad).result())

    def _write(self, name: str, pad: Pad) -> Future[str]:
        return self._writer.submit(_write, self._file(name), pad.ydoc.get_update())


def _written(path: Path) -> float:
    return path.stat().st_mtime


def _write(path: Path, content: bytes) -> str:
    """Whole, or not at all: then why."""
    new = path.with_suffix(".new")
    try:
        path.parent.mkdir(exist_ok=True)  # no folder: no data yet
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as fault:
        with contextlib.suppress(OSError):
            new.unlink()
        return fault.strerror or str(fault)
    return ""


class Node(NamedTuple):
    """Another one that this one calls. `certificate` is the SHA-256 of the one by which it is known."""

    host: str
    address: str
    certificate: str


def nodes() -> set[Node]:
    """Those that tend knows (peer.conf), of which this one calls those of one line more (call.conf)."""
    try:
        lines = [line.split() for line in LINKS.read_text().splitlines()]
    except FileNotFoundError:
        return set()
    called = {host for word, *hosts in lines if word == "call" for host in hosts}
    return {Node(*facts) for word, *facts in lines if word == "node" and facts[0] in called}


@contextlib.asynccontextmanager
async def _to(node: Node, question: str) -> AsyncIterator[Connection]:
    """Raises OSError, WebSocketException, TimeoutError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it is known by the certificate itself
    async with connect(f"wss://{node.host}/pad/socket{question}", host=node.address, port=443, ssl=context,
                       server_hostname=node.host, max_size=2 * LIMIT, compression=None, proxy=None) as socket:
        shown = socket.transport.get_extra_info("ssl_object").getpeercert(True)
        if hashlib.sha256(shown).hexdigest() != node.certificate:
            raise ConnectionError("it is another one")
        yield socket


async def _visit(pads: Pads, node: Node, name: str) -> None:
    """Until both have the same, and for as long as people here look at it."""
    if pads.refuses(name):
        return
    with contextlib.suppress(OSError, WebSocketException, TimeoutError):
        async with _to(node, f"?node=1&pad={name}") as socket:
            pad = await pads.get_room(name)
            link = Link(socket, pad, name, of_node=True)
            serving = asyncio.create_task(pad.serve(link))
            while not serving.done() and (pad.people() or time.monotonic() - link.heard < QUIET):
                await asyncio.wait({serving}, timeout=1)
            await socket.close()
            await serving


def _digests(told: str | bytes) -> dict[str, str]:
    """What another node says of its pads. Raises ValueError, also before what nests deeply overflows the stack of the
    parser, which would end this server."""
    if not isinstance(told, str) or len(told) > TOLD or "[" in told or told.count("{") > 1:
        raise ValueError("these are no pads")
    found = json.loads(told)
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ValueError("these are no pads")
    return found


async def _call(pads: Pads, node: Node) -> None:
    """Again and again, until it is cancelled."""
    visits: dict[str, asyncio.Task[None]] = {}
    async with asyncio.TaskGroup() as group:
        while True:
            with contextlib.suppress(OSError, WebSocketException, TimeoutError, ValueError):
                async with _to(node, "") as socket:
                    theirs = _digests(await asyncio.wait_for(socket.recv(), 10))
                ours = pads.digests()
                for name in sorted(theirs.keys() | ours.keys())[:2 * MOST]:
                    watched = name in pads.rooms and pads.rooms[name].people()
                    if (watched or theirs.get(name) != ours.get(name)) and (name not in visits or visits[name].done()):
                        visits[name] = group.create_task(_visit(pads, node, name))
                        if not watched:  # one after the other
                            await asyncio.wait({visits[name]}, timeout=30)
            await asyncio.sleep(ROUND)


async def call_others(pads: Pads) -> None:
    calls: dict[Node, asyncio.Task[None]] = {}
    while True:
        there = nodes()
        for gone in calls.keys() - there:
            calls.pop(gone).cancel()
        for node in there:
            if node not in calls or calls[node].done():
                calls[node] = asyncio.create_task(_call(pads, node))
        await asyncio.sleep(2)


async def _come(pads: Pads, socket: ServerConnection) -> None:
    assert socket.request is not None
    asked = parse_qs(urlsplit(socket.request.path).query)
    name = asked.get("pad", [""])[0]
    if len(socket.server.connections) > PEOPLE:
        await socket.close(BUSY, "busy")
    elif not name:
        await socket.send(json.dumps(pads.digests()))
    elif why := pads.refuses(name):
        await socket.close(why, "refused")
    else:
        pad = await pads.get_room(name)
        await pad.serve(Link(socket, pad, name, of_node="node" in asked))


async def main(host: str) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    pads = Pads(Path("pads"))
    async with (
        pads,
        serve(lambda socket: _come(pads, socket), "127.0.0.1", PORT, origins=[Origin(f"https://{host}"), None],
              max_size=2 * LIMIT, compression=None, server_header=None, close_timeout=3),
    ):
        duties = {asyncio.create_task(duty) for duty in (pads.keep(), call_others(pads), ended.wait())}
        done, others = await asyncio.wait(duties, return_when=asyncio.FIRST_COMPLETED)
        for duty in others:
            duty.cancel()
        pads.save()
    for duty in done:
        duty.result()  # raises what ended it


if __name__ == "__main__":
    logging.getLogger("websockets").setLevel(logging.CRITICAL)  # who came and went is nobody's business
    asyncio.run(main(sys.argv[1]))
