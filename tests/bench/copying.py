"""Run in the VM: copy this system to the sticks named on the command line, and tell when what happened, as JSON.

{"written": seconds until the slowest stick has everything, flushed, "checked": until all is read back, "bytes": of one
stick, "memory": peak of the program in bytes}; the seconds count from the first event: then Python's own start, which
an emulator makes long, is not in them. (To be read back comes after the flush.)
"""

import json
import resource
import subprocess
import sys
import time
from typing import Any

command = ["byzwizard", "clone", "--yes", "--json", *sys.argv[1:]]
process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
assert process.stdout is not None
began = 0.0
written: dict[str, float] = {}
ended: dict[str, float] = {}
total = 0
for line in process.stdout:
    event: dict[str, Any] = json.loads(line)
    now = time.monotonic()
    began = began or now
    if event["event"] == "progress" and event["done"] > event["total"] // 2:
        written.setdefault(event["step"], now)
        total = event["total"] // 2
    elif event["event"] == "finish":
        ended[event["step"]] = now
process.wait()
print(
    json.dumps(
        {
            "written": max(written.values()) - began,
            "checked": max(ended.values()) - max(written.values()),
            "bytes": total,
            "memory": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
            "status": process.returncode,
        }
    )
)
