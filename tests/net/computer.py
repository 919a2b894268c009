"""A computer in a network namespace that becomes a node by the real apply, without radios and without systemd:

    ip netns exec SPACE unshare -mupf --mount-proc --kill-child python computer.py FOLDER LETTER ANSWERS INTERFACE…

FOLDER becomes its /run/byzantium; its identity comes from LETTER. What systemd does for a node is done here: daemons
are started when a step asks for their unit, and the path units watch their files. It says "applied" on a line and
goes on until it is killed, when its daemons end with it. Where a file `asked` appears in FOLDER, status.json follows.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from byzwizard import move, prepare, stages
from byzwizard.answers import load
from byzwizard.backends import clock, keep, names, remembered, units
from byzwizard.backends.system import Result, System
from byzwizard.cli import run as verb
from byzwizard.identity import Identity
from byzwizard.machine import Machine, Wired

TREE = Path(__file__).parents[2]
RUN = "/run/byzantium"
# As the units start them, but as root; nginx has a /tmp of its own.
DAEMONS = {
    "byz-babel.service": "python3 -I -S {tree}/backends/ready.py $LINKS"
                         " && exec babeld -I '' -S '' -c {run}/babel/babel.conf",
    "byz-dnsmasq.service": "touch {run}/dnsmasq/leases && exec dnsmasq --keep-in-foreground --user=root --pid-file"
                           " --log-facility=- -C {run}/dnsmasq/dnsmasq.conf",
    "byz-web.service": "mount -t tmpfs none /tmp && exec nginx -e stderr -g 'user root;' -c {run}/web/nginx.conf",
    "byz-tend.service": "mkdir -p {run}/names && exec {python} -m byzwizard.tend",
}
if shutil.which("chronyd"):  # -x: the clock is the host's, and stays as it is
    DAEMONS["byz-clock.service"] = "chmod 750 {run}/clock && exec chronyd -d -x -u root -f {run}/clock/chrony.conf"
# The ports that a test plugs in are clients' from the first moment, without a duty that listens there before.
UNUSABLE = {"radio", "persistence", "clone", "remote", "access-point", "internet",
            *(() if shutil.which("chronyd") else ("clock",))}


class Services:
    """The part of systemd that a node needs."""

    def __init__(self) -> None:
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.others: set[str] = set()

    def control(self, words: Sequence[str]) -> Result:
        what, unit = words[0], words[-1]
        if what in ("restart", "stop"):
            self.stop(unit)
        if what == "restart":
            self.start(unit)
        return Result(0 if what != "is-active" or self.runs(unit) else 3, "", "")

    def start(self, unit: str) -> None:
        if unit not in DAEMONS:
            self.others.add(unit)
            return
        links = Path(f"{RUN}/babel-links")
        words = links.read_text().strip().removeprefix("LINKS=") if links.exists() else ""
        environment = {**os.environ, "LINKS": words}
        command = DAEMONS[unit].format(run=RUN, tree=TREE, python=sys.executable)
        self.processes[unit] = subprocess.Popen(
            ("unshare", "-m", "sh", "-c", command), env=environment, cwd=TREE)

    def stop(self, unit: str) -> None:
        self.others.discard(unit)
        process = self.processes.pop(unit, None)
        if process is not None:
            process.terminate()
            process.wait(10)

    def reload_sources(self) -> None:
        if "byz-clock.service" in self.processes:
            subprocess.run(("chronyc", "-h", clock.SOCKET, "reload", "sources"), check=True, stdout=subprocess.DEVNULL)

    def runs(self, unit: str) -> bool:
        return unit in self.others or (unit in self.processes and self.processes[unit].poll() is None)

    def start_of(self, unit: str) -> str | None:
        return str(self.processes[unit].pid) if unit in self.processes else None


class Watch:
    """A path unit."""

    def __init__(self, path: str, then: Callable[[], None]) -> None:
        self._path, self._then = Path(path), then
        self._seen = self._look()

    def _look(self) -> int | None:
        return self._path.stat().st_ino if self._path.exists() else None

    def step(self) -> None:
        now = self._look()
        if now != self._seen:
            self._seen = now
            self._then()


def become(services: Services, folder: str, letter: str, answers: str, interfaces: Sequence[str]) -> None:
    """Where the program looks is this computer: its folder, its machine, its services."""
    subprocess.run(("mount", "-t", "tmpfs", "none", "/run"), check=True)
    os.mkdir(RUN)
    subprocess.run(("mount", "--bind", folder, RUN), check=True)
    whole = System.run

    def run(
        self: System, *argv: str, stdin: str | None = None, ok: Sequence[int] = (0,), timeout: float = 30
    ) -> Result:
        if argv[0] == "systemctl":
            return services.control(argv[1:])
        return whole(self, *argv, stdin=stdin, ok=ok, timeout=timeout)

    wired = tuple(Wired(interface=name, mac="02:00:00:00:00:01", driver=None, carrier=True) for name in interfaces)
    identity = Identity((letter.encode() * 32)[:32])
    # In a UTS namespace of its own, so that the step that also writes to /etc, which is the host's, is not needed.
    socket.sethostname(load(Path(answers)).node.name or identity.default_name)
    for which in ("all", "default"):  # an apply here is quicker than the kernel's look for duplicates
        Path(f"/proc/sys/net/ipv6/conf/{which}/accept_dad").write_text("0")
    # Not every kernel that runs these tests has dummy interfaces.
    for name, peer in (("keep0", "keep1"), ("here0", "here1")):
        subprocess.run(("ip", "link", "add", name, "type", "veth", "peer", "name", peer), check=True)
        Path(f"/proc/sys/net/ipv6/conf/{peer}/disable_ipv6").write_text("1")
        subprocess.run(("ip", "link", "set", peer, "up"), check=True)
    for where, name, what in (
        (System, "run", run), (units, "running", lambda _system, unit: services.runs(unit)),
        (units, "invocation", lambda _system, unit: services.start_of(unit)),
        (remembered, "recall", lambda _system: Machine(wired=wired)), (remembered, "stamp", lambda _system: None),
        (keep, "identity", lambda _system: identity), (prepare, "identity", lambda _system: identity),
        (keep, "ANSWERS", f"{RUN}/kept.yaml"),
        (keep, "KEY", Path(f"{RUN}/key")), (names, "RESOLVER", f"{RUN}/resolv.conf"),
        (stages, "STAGES", tuple(stage for stage in stages.STAGES if stage.name not in UNUSABLE)),
    ):
        setattr(where, name, what)


def tell() -> None:
    """Its status, while somebody asks for it."""
    if not Path(f"{RUN}/asked").exists():
        return
    with contextlib.redirect_stdout(io.StringIO()) as said:
        verb(["status", "--json"])
    System().write(f"{RUN}/status.json", said.getvalue())


def main(folder: str, letter: str, answers: str, *interfaces: str) -> None:
    services = Services()
    become(services, folder, letter, answers, interfaces)
    assert verb(["apply", answers, "--yes"]) == 0
    print("applied", flush=True)
    watches = (
        Watch(move.CLASH, lambda: print(f"move ended with {move.main()}", flush=True)),
        Watch(f"{RUN}/names/clock/mesh.sources", services.reload_sources),
        Watch(f"{RUN}/asked", tell),
        Watch(names.HOSTS, lambda: services.processes["byz-dnsmasq.service"].send_signal(signal.SIGHUP)),
    )
    while True:
        for watch in watches:
            watch.step()
        time.sleep(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
