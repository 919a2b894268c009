"""Somebody who writes in a pad, as its page does: Yjs over a WebSocket over TLS.

    writer.py '["ADDRESS", "HOST", "AUTHORITY", "PAD"]'

It prints the text each time that it has changed, as JSON, and puts each line that it is told before the text.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys

from pycrdt import Doc, Text, create_sync_message, create_update_message, handle_sync_message
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin


async def _write(socket: ClientConnection, doc: Doc[Text], text: Text) -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        before = doc.get_state()
        text.insert(0, line.decode())
        await socket.send(create_update_message(doc.get_update(before)))


async def main() -> None:
    address, host, authority, pad = json.loads(sys.argv[1])
    doc: Doc[Text] = Doc()
    text = doc.get("content", type=Text)
    text.observe(lambda _event: print(json.dumps(str(text)), flush=True))
    async with connect(f"wss://{host}/pad/socket?pad={pad}", host=address, port=443, server_hostname=host,
                       ssl=ssl.create_default_context(cadata=authority), origin=Origin(f"https://{host}"), proxy=None,
                       max_size=None) as socket:
        writing = asyncio.create_task(_write(socket, doc, text))
        try:
            await socket.send(create_sync_message(doc))
            while True:
                message = await socket.recv()
                if isinstance(message, bytes) and message[0] == 0:
                    answer = handle_sync_message(message[1:], doc)
                    if answer is not None:
                        await socket.send(answer)
                    if message[1] == 1:
                        print("came", flush=True)
        except ConnectionClosed as fault:
            print(f"closed {fault.rcvd.code if fault.rcvd else ''}", flush=True)
        writing.cancel()


if __name__ == "__main__":
    asyncio.run(main())
