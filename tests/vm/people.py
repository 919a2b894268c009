"""Somebody on the node itself, who writes a line with each service that keeps what people write, or reads it there:

    people.py write|read ADDRESS HOST

It prints a JSON object: of each service, whether the line is there.
"""

from __future__ import annotations

import base64
import json
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from http.client import HTTPSConnection
from pathlib import Path
from urllib.parse import urlencode

LINE = "Water at six"
ROOM = "Kitchen"
HOME = Path("/var/lib/byzantium/services")
WHEELS = "/usr/lib/byzwizard/services"  # of the services: the pad's Yjs is there
PATIENCE = 120  # seconds until a service that has just been started answers


class Somebody:
    """Who trusts the authority of the node that is called `host`."""

    def __init__(self, address: str, host: str) -> None:
        self.address, self.host = address, host
        with urllib.request.urlopen(f"http://{address}/ca.crt", timeout=30) as answer:
            self.authority = str(answer.read().decode())

    def ask(self, method: str, path: str, said: str | None = None, **headers: str) -> str:
        context = ssl.create_default_context(cadata=self.authority)
        link = HTTPSConnection(self.host, timeout=60, context=context)
        link.sock = context.wrap_socket(socket.create_connection((self.address, 443), 60), server_hostname=self.host)
        link.request(method, path, said, headers)
        answer = link.getresponse()
        text = answer.read().decode()
        assert answer.status < 400, f"{method} {path}: {answer.status} {text[:300]}"
        return text

    def board(self, write: bool) -> bool:
        if write:
            known = base64.b64encode(b"guest:guest").decode()
            words = urlencode({"content": LINE, "visibility": "public"})
            form = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Basic {known}"}
            self.ask("POST", "/board/guest/admin/note", words, **form)
        return LINE in self.ask("GET", "/board/")

    def files(self, write: bool) -> bool:
        if write:
            self.ask("PUT", "/files/water.txt", LINE)
        return self.ask("GET", "/files/water.txt") == LINE

    def pad(self, write: bool) -> bool:
        words = json.dumps([self.address, self.host, self.authority, "water"])
        writer = subprocess.Popen(
            (sys.executable, "-B", "/run/writer.py", words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={"PYTHONPATH": WHEELS},
        )
        assert writer.stdin is not None
        assert writer.stdout is not None
        try:
            if write:
                assert writer.stdout.readline() == "came\n"
                writer.stdin.write(f"{LINE}\n")
                writer.stdin.flush()
            return any(LINE in line for line in iter(writer.stdout.readline, "")) and (not write or self._saved())
        finally:
            writer.kill()

    def _saved(self) -> bool:
        """Before the power goes: a pad is written down some seconds after it was changed."""
        pad = HOME / "pad/pads/water.pad"
        return until(lambda: pad.exists() and LINE.encode() in pad.read_bytes())

    def mumble(self, write: bool) -> bool:
        words = [self.address, self.host, self.authority, "ann", "", ""]
        if write:
            words[3:] = ["SuperUser", (HOME / "mumble/superuser-password").read_text().strip(), ROOM]
        said = subprocess.run((sys.executable, "/run/voices.py", json.dumps(words)), capture_output=True, text=True)
        assert said.returncode == 0, said.stderr
        return ROOM in json.loads(said.stdout)[5]


def until(there: Callable[[], bool]) -> bool:
    for _second in range(PATIENCE):
        if there():
            return True
        time.sleep(1)
    return False


def answered(ask: Callable[[bool], bool], write: bool) -> bool:
    """What it answers once it answers at all."""
    told: list[bool] = []

    def asked() -> bool:
        try:
            told.append(ask(write))
        except (OSError, AssertionError) as fault:
            print(fault, file=sys.stderr)
        return bool(told)

    return until(asked) and told[0]


def main() -> None:
    write = sys.argv[1] == "write"
    who = Somebody(*sys.argv[2:])
    print(json.dumps({ask.__name__: answered(ask, write) for ask in (who.board, who.files, who.pad, who.mumble)}))


if __name__ == "__main__":
    main()
