"""The voice rooms of this node: tells those in a room who is there, and passes on what their browsers say to each other
before they connect (WebRTC). The voices themselves do not come here.

A WebSocket at ?room=ROOM&name=NAME, in JSON: {"you": id, "others": {id: name}} first, then {"came": id, "name": name}
and {"left": id}; {"to": id, "data": text} arrives as {"from": id, "data": text}. One without a room is told which rooms
there are.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import secrets
import signal
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

PORT = 8110
PEOPLE = 8  # in a room: each sends its voice to every other one
ROOMS = 32
OPEN = 300  # connections, with those that only look
MESSAGE = 16 << 10  # bytes; an offer has about 2 kB
BURST, RATE = 100.0, 5.0  # messages of one at once, and a second
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
NO_NAME, FULL, BUSY, TOO_MUCH = 4404, 4409, 4503, 4508


@dataclass
class Person:
    name: str
    socket: ServerConnection


class Rooms:
    def __init__(self) -> None:
        self._rooms: defaultdict[str, dict[str, Person]] = defaultdict(dict)

    async def come(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        asked = parse_qs(urlsplit(socket.request.path).query)
        room, name = asked.get("room", [""])[0], asked.get("name", [""])[0].strip()[:24]
        if len(socket.server.connections) > OPEN:
            await socket.close(BUSY, "busy")
        elif not room:
            await socket.send(json.dumps({room: len(people) for room, people in self._rooms.items()}))
        elif not NAME.fullmatch(room) or not name.isprintable() or not name:
            await socket.close(NO_NAME, "no name")
        elif len(self._rooms[room]) >= PEOPLE or len(self._rooms) > ROOMS:
            await socket.close(FULL, "full")
        else:
            await self._stay(self._rooms[room], Person(name, socket))
        if not self._rooms.get(room, True):
            del self._rooms[room]

    async def _stay(self, room: dict[str, Person], one: Person) -> None:
        me = secrets.token_hex(4)
        others = {other: person.name for other, person in room.items()}
        broadcast([person.socket for person in room.values()], json.dumps({"came": me, "name": one.name}))
        room[me] = one
        try:
            with contextlib.suppress(ConnectionClosed):
                await one.socket.send(json.dumps({"you": me, "others": others}))
                await _pass_on(room, me)
        finally:
            del room[me]
            broadcast([person.socket for person in room.values()], json.dumps({"left": me}))


async def _pass_on(room: dict[str, Person], me: str) -> None:
    """Until it leaves, or is shown out."""
    left, since = BURST, time.monotonic()
    async for message in room[me].socket:
        now = time.monotonic()
        left, since = min(BURST, left + RATE * (now - since)) - 1, now
        said = _read(message)
        if left < 0 or said is None:
            await room[me].socket.close(TOO_MUCH, "too much" if left < 0 else "no message")
            return
        if said["to"] in room:
            with contextlib.suppress(ConnectionClosed):
                await room[said["to"]].socket.send(json.dumps({"from": me, "data": said["data"]}))


def _read(message: str | bytes) -> dict[str, str] | None:
    """None for what is no message of ours."""
    try:
        said = json.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.keys() != {"to", "data"}:
        return None
    return said if all(isinstance(value, str) for value in said.values()) else None


async def main(host: str) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with serve(Rooms().come, "127.0.0.1", PORT, origins=[Origin(f"https://{host}")], max_size=MESSAGE,
                     compression=None, server_header=None, close_timeout=3):
        await ended.wait()


if __name__ == "__main__":
    logging.getLogger("websockets").setLevel(logging.CRITICAL)  # who came and went is nobody's business
    asyncio.run(main(sys.argv[1]))
