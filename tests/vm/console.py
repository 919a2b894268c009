"""A root shell in the VM over a virtio console: commands with status and output, files in and out."""

from __future__ import annotations

import base64
import itertools
import json
import queue
import socket
import threading
import time
from pathlib import Path
from typing import Any

from tests.vm.say import Slow, say

GUEST = Path(__file__).with_name("guest.py")
FOLDER = "/run/harness"


class Failed(AssertionError):
    """A command in the VM ended with another status than 0."""


class Console:
    """The shell that systemd.debug_shell=hvc0 opens starts the far end, which then answers over a port of its own."""

    def __init__(self, console: Path, port: Path) -> None:
        self._path = console
        self._port_path = port
        self._socket = socket.socket(socket.AF_UNIX)
        self._port = socket.socket(socket.AF_UNIX)
        self._answers: dict[int, queue.Queue[dict[str, Any]]] = {0: queue.Queue()}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._seen = b""

    def connect(self) -> None:
        """Before the guest says its first word, so that none is lost."""
        self._socket.connect(str(self._path))
        self._port.connect(str(self._port_path))

    def log_in(self, timeout: float) -> None:
        """Wait for the shell's prompt, and start the far end in it. Raises Slow."""
        end = time.monotonic() + timeout
        self._expect(b"# ", end, "the root shell")
        body = base64.b64encode(GUEST.read_bytes()).decode()
        # A terminal takes lines of 4095 bytes at most; what it echoes is skipped.
        lines = [body[at : at + 3000] for at in range(0, len(body), 3000)]
        for index, line in enumerate(lines):
            into = ">>" if index else ">"
            self._socket.sendall(f" printf %s {line} {into}/run/harness.b64; echo got''{index}\n".encode())
            self._expect(f"got{index}\r\n".encode(), end, "the root shell's echo")
        self._socket.sendall(
            b" mkdir -p /run/harness; base64 -d </run/harness.b64 >/run/harness/guest.py; rm /run/harness.b64;"
            b" exec python3 -I -u /run/harness/guest.py\n"
        )
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self._answers[0].get(timeout=max(1.0, end - time.monotonic()))
        except queue.Empty:
            raise Slow(f"the far end of the root shell was not ready after {timeout:.0f} s") from None

    def close(self) -> None:
        self._socket.close()
        self._port.close()

    def _expect(self, mark: bytes, end: float, what: str) -> None:
        while mark not in self._seen:
            left = end - time.monotonic()
            if left <= 0:
                raise Slow(f"{what} did not come; the console's last words: {self._seen[-300:]!r}")
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                continue
            if not data:
                raise Slow(f"the VM ended while {what} was waited for")
            self._seen += data
        self._seen = self._seen.split(mark, 1)[1]

    def _read(self) -> None:
        rest: list[bytes] = []
        buffer = b""
        while True:
            for line in rest:
                answer = json.loads(line)
                if answers := self._answers.get(answer["id"]):
                    answers.put(answer)
            try:
                data = self._port.recv(1 << 20)
            except OSError:
                data = b""
            if not data:
                for answers in list(self._answers.values()):
                    answers.put({"status": -1, "text": "the VM ended"})
                return
            *rest, buffer = (buffer + data).split(b"\n")

    def _ask(self, patience: float, **request: Any) -> tuple[int, str]:
        number = next(self._numbers)
        answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._answers[number] = answers
        data = (json.dumps({"id": number, **request}) + "\n").encode()
        with self._lock:
            self._port.sendall(data)
        try:
            answer = answers.get(timeout=patience)
        except queue.Empty:
            raise Slow(f"no answer from the VM within {patience:.0f} s to {str(request)[:200]}") from None
        finally:
            del self._answers[number]
        return int(answer["status"]), str(answer["text"])

    def sh(self, command: str, timeout: float = 120) -> tuple[int, str]:
        """(exit status, standard output and error together); 124 when killed after `timeout` seconds."""
        return self._ask(timeout + 30, do="run", command=command, timeout=timeout)

    def run(self, command: str, timeout: float = 120) -> str:
        """The output. Raises Failed when the status is not 0."""
        status, text = self.sh(command, timeout)
        if status:
            raise Failed(f"status {status} from: {command}\n{text}")
        return text

    def wait(self, command: str, timeout: float = 120, what: str = "") -> str:
        """Repeat the command until it succeeds, and return its output. Raises Slow with the last output."""
        say(f"waiting for {what or command}")
        status, text = self._ask(timeout + 60, do="wait", command=command, timeout=timeout)
        if status:
            raise Slow(f"after {timeout:.0f} s still not: {what or command}\n{text}")
        return text

    def put(self, path: str, data: bytes | str, mode: int = 0o644) -> None:
        """Write a file in the VM."""
        raw = data.encode() if isinstance(data, str) else data
        step = 384 * 1024
        for at in range(0, max(len(raw), 1), step):
            part = base64.b64encode(raw[at : at + step]).decode()
            status, text = self._ask(120, do="put", path=path, data=part, mode=mode, more=at > 0)
            if status:
                raise Failed(f"{path} in the VM: {text}")

    def get(self, path: str) -> bytes:
        """Read a file of the VM."""
        status, text = self._ask(300, do="get", path=path)
        if status:
            raise Failed(f"{path} in the VM: {text}")
        return base64.b64decode(text)
