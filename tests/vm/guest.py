"""The far end of the harness's root shell: runs in the VM, one JSON object a line in both directions.

Sent there as text over the console and run by the image's python3; the standard library is all there is. It talks over
a virtio port of its own: what is written to a console faster than it is read is lost, a port waits.
"""

import base64
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

write_lock = threading.Lock()
port = -1


def tell(number: int, **answer: object) -> None:
    line = (json.dumps({"id": number, **answer}) + "\n").encode()
    with write_lock:
        while line:
            line = line[os.write(port, line) :]


def run(command: str, timeout: float) -> tuple[int, str]:
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "SYSTEMD_PAGER": "",
        "SYSTEMD_COLORS": "0",
    }
    process = subprocess.Popen(
        ["/bin/bash", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        cwd="/root",
        start_new_session=True,
    )
    try:
        text, _ = process.communicate(timeout=timeout)
        return process.returncode, text.decode(errors="replace")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        text, _ = process.communicate()
        return 124, text.decode(errors="replace") + f"\n(killed after {timeout} s)"


def serve(number: int, request: dict[str, Any]) -> None:
    try:
        match request["do"]:
            case "run":
                status, text = run(request["command"], request["timeout"])
                tell(number, status=status, text=text)
            case "wait":
                end = time.monotonic() + request["timeout"]
                while True:
                    began = time.monotonic()
                    status, text = run(request["command"], max(1.0, end - began))
                    if status == 0 or time.monotonic() > end:
                        break
                    # Where everything is emulated asking is work too: half of the time at the most.
                    time.sleep(min(2.0, max(0.2, time.monotonic() - began)))
                tell(number, status=status, text=text)
            case "put":
                with open(request["path"], "ab" if request["more"] else "wb") as file:
                    file.write(base64.b64decode(request["data"]))
                os.chmod(request["path"], request["mode"])
                tell(number, status=0, text="")
            case "get":
                with open(request["path"], "rb") as file:
                    tell(number, status=0, text=base64.b64encode(file.read()).decode())
    except OSError as error:
        tell(number, status=1, text=str(error))


def main() -> None:
    rest = b""
    while True:
        data = os.read(port, 65536)
        if not data:  # nobody is connected at the other end
            time.sleep(0.1)
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            request = json.loads(line)
            threading.Thread(target=serve, args=(request["id"], request), daemon=True).start()


if __name__ == "__main__":
    ports = Path("/sys/class/virtio-ports").glob("*/name")
    port = os.open("/dev/" + next(path for path in ports if path.read_text() == "harness\n").parent.name, os.O_RDWR)
    tell(0, status=0, text="ready")
    main()
