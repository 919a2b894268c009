"""The voice rooms on the image's own systemd, by what their page says to the service (test_browsers.py: real ones)."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.net.booted import NEEDS, Lab, laboratory
from tests.net.test_services import authority, host

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(600),
]

# Eight come to a room one after the other, and some of them say something; then others try what is not meant to be.
TALK = """
import asyncio, json, ssl, sys
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
address, host, authority = json.loads(sys.argv[1])

def come(question, origin=None):
    return connect(f"wss://{host}/voice/socket{question}", host=address, port=443, server_hostname=host,
                   ssl=ssl.create_default_context(cadata=authority), origin=origin or f"https://{host}", proxy=None)

async def hear(socket):
    return json.loads(await asyncio.wait_for(socket.recv(), 10))

async def end(question, *says):
    async with come(question) as socket:
        try:
            for text in says:
                await socket.send(text)
            while True:
                await asyncio.wait_for(socket.recv(), 10)
        except ConnectionClosed as fault:
            return fault.rcvd.code if fault.rcvd else None

async def main():
    inside, ids = [], []
    for number in range(8):
        socket = await come(f"?room=school&name=p{number}")
        said = await hear(socket)
        assert sorted(said["others"].values()) == [f"p{other}" for other in range(number)], said
        for other in inside:
            assert await hear(other) == {"came": said["you"], "name": f"p{number}"}
        inside.append(socket)
        ids.append(said["you"])
    await inside[0].send(json.dumps({"to": ids[7], "data": "an offer"}))
    heard = await hear(inside[7])
    rooms = await hear(await come(""))
    full = await end("?room=school&name=p8")
    await inside[0].close()
    left = await hear(inside[7])
    refused = {
        "no name": await end("?room=hall"),
        "no room": await end("?room=No%20room&name=eve"),
        "no message": await end("?room=hall&name=eve", "[" * 10000),
        "too much": await end("?room=hall&name=eve", *['{"to": "0", "data": ""}'] * 200),
        "too long": await end("?room=hall&name=eve", "x" * 20000),
    }
    try:
        await come("?room=hall&name=eve", "https://elsewhere.example")
        elsewhere = "came in"
    except InvalidStatus as fault:
        elsewhere = fault.response.status_code
    print(json.dumps({"heard": heard == {"from": ids[0], "data": "an offer"}, "rooms": rooms, "full": full,
                      "left": left == {"left": ids[0]}, "refused": refused, "elsewhere": elsewhere}))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with laboratory(tmp_path_factory.mktemp("voice")) as found:
        found.line("ab")
        found.apply(found.nodes[0], "services: [voice]\n")
        yield found


def test_eight_meet_in_a_room_and_what_they_say_goes_to_whom_it_is_meant_for(lab: Lab) -> None:
    a = lab.nodes[0]
    done = a.made.run(a.phone, sys.executable, "-c", TALK, json.dumps([a.address, host(a), authority(a)]))
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    assert said == {
        "heard": True, "rooms": {"school": 8}, "full": 4409, "left": True, "elsewhere": 403,
        "refused": {"no name": 4404, "no room": 4404, "no message": 4508, "too much": 4508, "too long": 1009}}
    assert a.state("voice") == "on"


def test_its_page_is_small_and_shows_nothing_else(lab: Lab) -> None:
    a = lab.nodes[0]
    status, headers, page = a.pages("/voice/", host(a), authority(a))
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "What shall others call you?" in page
    status, _headers, script = a.pages("/voice/voice.js", host(a), authority(a))
    assert status == 200
    assert len(page) + len(script) < 12000, "it comes over a mesh"
    assert a.pages("/voice/server.py", host(a), authority(a))[0] == 404
