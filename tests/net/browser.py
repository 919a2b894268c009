"""A real browser on somebody's phone: headless Chromium in a network namespace, driven by the DevTools protocol over
pipes (chromium --remote-debugging-pipe: messages in JSON, each ended by a zero byte).
"""

import base64
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.net.spaces import within


class Browser:
    def __init__(self, space: str, folder: Path, names: Mapping[str, str], trusted: Sequence[str] = ()) -> None:
        """`names` and their addresses; `folder` is a new one for its profile; `trusted` are authorities that its owner
        came to trust, in PEM. Microphone and consent are given."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, authority in enumerate(trusted):
            _trust(folder / ".pki/nssdb", f"authority {number}", authority)
        asked, self._ask = os.pipe()
        self._heard, told = os.pipe()
        rules = ", ".join(f"MAP {name} {address}" for name, address in names.items())
        # It speaks on descriptors 3 and 4. (dash knows none above 9.)
        self.process = subprocess.Popen(
            ("ip", "netns", "exec", space, "bash", "-c", f'exec "$@" 3<&{asked} 4>&{told}', "bash", "chromium",
             "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
             "--autoplay-policy=no-user-gesture-required", "--window-size=390,800",
             f"--host-resolver-rules={rules}", f"--user-data-dir={folder}", "--remote-debugging-pipe", "about:blank"),
            pass_fds=(asked, told), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(folder)})
        os.close(asked)
        os.close(told)
        self._left, self._number, self._session = b"", 0, ""
        page = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """What it answers. Raises RuntimeError with what it does not do, EOFError when it has ended."""
        self._number += 1
        words = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            words["sessionId"] = self._session
        os.write(self._ask, json.dumps(words).encode() + b"\0")
        while (said := self._next()).get("id") != self._number:
            pass
        if "error" in said:
            raise RuntimeError(said["error"]["message"])
        result: dict[str, Any] = said["result"]
        return result

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            more = os.read(self._heard, 1 << 16)
            if not more:
                raise EOFError("the browser has ended")
            self._left += more
        message, _zero, self._left = self._left.partition(b"\0")
        said: dict[str, Any] = json.loads(message)
        return said

    def opens(self, url: str) -> None:
        self.send("Page.navigate", url="about:blank")  # another fragment alone would load nothing
        self.send("Page.navigate", url=url)
        assert within(30, lambda: self.says("document.readyState") == "complete")

    def says(self, expression: str) -> Any:
        """The value of an expression in the page, when its promise is kept. None where it fails."""
        return self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)[
            "result"].get("value")

    def types(self, text: str) -> None:
        """Where the cursor is."""
        self.send("Input.insertText", text=text)

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot")["data"]))

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ask)
        os.close(self._heard)


def _trust(store: Path, name: str, authority: str) -> None:
    """As its owner does it with the file of the page /trust: into the store that Chromium reads below $HOME."""
    if not store.exists():
        store.mkdir(parents=True)
        subprocess.run(("certutil", "-N", "-d", f"sql:{store}", "--empty-password"), check=True)
    subprocess.run(("certutil", "-A", "-d", f"sql:{store}", "-n", name, "-t", "C,,"), input=authority, text=True,
                   check=True)  # fmt: skip


@contextmanager
def browsing(*phones: tuple[str, Path, Mapping[str, str], Sequence[str]]) -> Iterator[list[Browser]]:
    """One for each (space, folder, names, trusted)."""
    found: list[Browser] = []
    try:
        for phone in phones:
            found.append(Browser(*phone))
        yield found
    finally:
        for browser in found:
            browser.end()
