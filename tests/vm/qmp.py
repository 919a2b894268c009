"""QEMU's monitor: keys, pictures, sticks that come and go."""

from __future__ import annotations

import itertools
import json
import socket
from pathlib import Path
from typing import Any

from tests.vm.say import until

SHIFTED = dict(zip('!@#$%^&*()_+{}|:"<>?~', "1234567890-=[]\\;'\x2c./`", strict=True))
NAMES = {
    " ": "spc", "\n": "ret", "\t": "tab", "-": "minus", "=": "equal", "[": "bracket_left", "]": "bracket_right",
    ";": "semicolon", "'": "apostrophe", "`": "grave_accent", "\\": "backslash", ",": "comma", ".": "dot", "/": "slash",
    "\x1b": "esc", "\x7f": "backspace",
}  # fmt: skip
KEYS = {"enter": "ret", "space": "spc", "page up": "pgup", "page down": "pgdn"}


def codes(character: str) -> list[str]:
    """The keys of an American keyboard that type this character."""
    if character in SHIFTED:
        return ["shift", *codes(SHIFTED[character])]
    if character.isupper():
        return ["shift", character.lower()]
    return [NAMES.get(character, character)]


class Monitor:
    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(60)
        self._socket.connect(str(path))
        self._file = self._socket.makefile("r", encoding="utf-8")
        self._numbers = itertools.count()
        self._file.readline()
        self.do("qmp_capabilities")

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def do(self, command: str, **arguments: Any) -> Any:
        """One command. Raises RuntimeError with QEMU's own words."""
        number = next(self._numbers)
        names = {name.replace("_", "-"): value for name, value in arguments.items()}
        self._socket.sendall(json.dumps({"execute": command, "arguments": names, "id": number}).encode() + b"\n")
        while line := self._file.readline():
            answer = json.loads(line)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"QEMU: {command}: {answer['error']['desc']}")
                return answer["return"]
        raise RuntimeError(f"QEMU ended during {command}")

    def press(self, *keys: str) -> None:
        """Keys held together, by QEMU's or urwid's names: press("f1"), press("ctrl", "l"), press("page up")."""
        held = [{"type": "qcode", "data": KEYS.get(key, key)} for key in keys]
        self.do("send-key", keys=held, hold_time=40)

    def type(self, text: str) -> None:
        for character in text:
            self.press(*codes(character))

    def screenshot(self, path: Path) -> Path:
        """The VM's screen as PNG."""
        from PIL import Image

        raw = path.with_suffix(".ppm")
        raw.unlink(missing_ok=True)
        self.do("screendump", filename=str(raw))
        until(lambda: raw.exists() and raw.stat().st_size > 0, 10, "a picture of the screen")
        with Image.open(raw) as picture:
            picture.save(path)
        raw.unlink()
        return path
