"""The image in a virtual machine, for tests and for `make run`: boot it, type in it, look at it, make nodes in it.

with VM(folder, radios=3) as vm:
    vm.start()
    vm.run("byzwizard inspect --json")      # output; Failed when the status is not 0
    vm.sh("byzwizard status")               # (status, output)
    vm.serial.expect("Just start", timeout=120); vm.serial.press("enter")
    vm.monitor.type("hello"); vm.monitor.press("f1"); vm.screenshot(folder / "tty1.png"); vm.tty1()
    node = vm.node("node1", phy="phy1", answers="byzantium: 1\n").booted(); node.run("ip address")
    hear(vm, phy0=1, phy1=3, phy2=2)
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from tests.vm import qemu
from tests.vm.console import Console, Failed
from tests.vm.nodes import Node, cable, hear
from tests.vm.qemu import BUILD, Drive, blank
from tests.vm.qmp import Monitor
from tests.vm.say import Slow, say, until
from tests.vm.serial import Serial

__all__ = ["BUILD", "VM", "Drive", "Failed", "Node", "Slow", "blank", "cable", "hear", "say", "until"]

# Where the boot loader decides on the command line, systemd's own credentials bring the root shell.
SHELL = """[Unit]
DefaultDependencies=no
[Service]
ExecStart=/bin/bash
Environment=TERM=dumb
StandardInput=tty
StandardOutput=tty
StandardError=tty
TTYPath=/dev/hvc0
TTYReset=yes
TTYVHangup=yes
IgnoreSIGPIPE=no
SendSIGHUP=yes
"""


class VM:
    """One virtual machine with the image. `folder` is for its sockets, logs and blank drives.

    boot      "kernel" (quick, the command line is ours), or "bios" or "uefi" (through the boot loader)
    medium    "virtio", "usb" or "cdrom": what the image's medium is to the guest; "net": it has none, but a cable to us
    read_limit  bytes a second that it gives at most, 0 for no limit
    radios    simulated radios: phy0, phy1 …
    answers   text of an answers file, given as systemd credential
    append    more words for the kernel, and another initrd for it (boot="kernel" only)
    drives    further drives; those of `before` are found before the medium
    serial    None keeps ttyS0 away; else its size in columns and rows
    shell     a root shell on hvc0 for sh(), run(), wait(), put(), get()
    """

    def __init__(
        self,
        folder: Path,
        *,
        boot: str = "kernel",
        medium: str = "virtio",
        read_limit: int = 0,
        iso: Path | None = None,
        radios: int = 1,
        answers: str | None = None,
        append: str = "",
        initrd: Path | None = None,
        drives: Sequence[Drive] = (),
        before: Sequence[Drive] = (),
        serial: tuple[int, int] | None = (80, 24),
        memory: int = 1280,
        shell: bool = True,
        credentials: dict[str, str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.boot = boot
        image = iso or BUILD / "byzantium.iso"
        self.medium = Drive(
            image, medium, "byzantium-medium", read_limit=read_limit, read_only=True, first=True
        )
        self.radios = radios
        self.append = append
        self.initrd = initrd or BUILD / "initrd.img"
        self.drives = [*before, self.medium, *drives]
        self.memory = memory
        self.shell = shell
        self.credentials = dict(credentials or {})
        if answers is not None:
            self.credentials["byzantium.answers"] = answers
        self.nodes: dict[str, Node] = {}
        self._size = serial or (80, 24)
        self._consoles()
        self._has_serial = serial is not None
        self._process: subprocess.Popen[bytes] | None = None
        self._monitor: Monitor | None = None
        self._began = 0.0

    # Life

    def __enter__(self) -> VM:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if kind is not None and self._monitor is not None and self.running:
            self._last_words()
        self.kill()

    def start(self, timeout: float = 400) -> VM:
        """Switch it on, and wait for its root shell (if it has one). `timeout` in seconds."""
        for left in (2, 1, 0):
            self.power_on()
            if not self.shell:
                return self
            try:
                self.log_in(timeout)
                return self
            except Slow:
                if not left or not self.ends():
                    raise
            # QEMU 7.2's emulation on two threads makes the kernel panic now and then in its first two seconds.
            say("the VM ended while it booted; once more")
            self.kill()
            self._consoles()
        return self

    def _consoles(self) -> None:
        self.console = Console(self._path("console"), self._path("port"))
        self.serial = Serial(self._path("serial"), *self._size, log=self.folder / "serial.log")

    def power_on(self, connect_serial: bool = True) -> None:
        """Switch it on, its consoles connected before its first word."""
        self._began = time.monotonic()
        say(f"the VM boots ({self.boot}, {self.medium.kind})")
        for old in self.folder.glob("*.socket"):
            old.unlink()
        with (self.folder / "qemu.log").open("wb") as log:
            # It goes when we go, however that happens.
            command = ["setpriv", "--pdeathsig", "KILL", "--", *self.command()]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._monitor = Monitor(self._socket("monitor"))
        if self._has_serial and connect_serial:
            self._socket("serial")
            self.serial.connect()
        if self.shell:
            self._socket("console")
            self._socket("port")
            self.console.connect()
        self.monitor.do("cont")

    def log_in(self, timeout: float = 400) -> None:
        """Wait for the root shell."""
        self.console.log_in(timeout)
        say(f"root shell after {time.monotonic() - self._began:.0f} s")

    @property
    def serial_path(self) -> Path:
        return self._path("serial")

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def ends(self) -> bool:
        """Has it ended? Its consoles are closed a moment before the process is gone."""
        assert self._process is not None
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            return False
        return True

    @property
    def end(self) -> str:
        """How it ended, in QEMU's own words."""
        assert self._process is not None
        words = (self.folder / "qemu.log").read_text(errors="replace").strip()
        return f"QEMU ended with status {self._process.returncode}: {words or 'it said nothing'}"

    @property
    def monitor(self) -> Monitor:
        assert self._monitor is not None, "the VM was not started"
        return self._monitor

    def kill(self) -> None:
        """A power cut."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None
        self.console.close()
        self.serial.close()

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.socket"

    def _socket(self, name: str) -> Path:
        def there() -> bool:
            if not self.running:
                raise RuntimeError(self.end)
            # QEMU listens a moment after the file is there.
            with socket.socket(socket.AF_UNIX) as probe:
                return probe.connect_ex(str(self._path(name))) == 0

        until(there, 30, f"QEMU's {name}")
        return self._path(name)

    def _last_words(self) -> None:
        """What a failed test leaves behind: the screen, and what the guest says of itself."""
        try:
            self.screenshot(self.folder / "last-screen.png")
            if self.shell:
                _, text = self.sh("systemctl --failed --no-pager; journalctl -b --no-pager | tail -n 400", 30)
                (self.folder / "last-journal.txt").write_text(text)
        except (RuntimeError, OSError, AssertionError) as error:
            say(f"no last words: {error}")
        say(f"the VM's logs are in {self.folder}")

    def command(self) -> list[str]:
        """QEMU's command line."""
        accelerated = qemu.acceleration(small=self.radios <= 1)
        # Through a boot loader the kernel is not told to end when it panics (start()); on one processor it does not.
        processors = "2" if self.boot == "kernel" else "1"
        command = ["qemu-system-x86_64", *accelerated, "-smp", processors, "-m", str(self.memory), "-nodefaults", "-S"]
        command += ["-display", "none", "-vga", "std", "-rtc", "base=utc", "-no-reboot"]
        command += qemu.firmware(self.boot, self.folder)
        command += ["-qmp", f"unix:{self._path('monitor')},server=on,wait=off"]
        command += ["-device", "qemu-xhci,id=usb", "-device", "virtio-rng-pci"]
        if self._has_serial:
            command += ["-chardev", f"socket,id=serial,path={self._path('serial')},server=on,wait=off"]
            command += ["-serial", "chardev:serial"]
        if self.shell:
            command += ["-device", "virtio-serial", "-device", "virtconsole,chardev=console"]
            command += ["-chardev", f"socket,id=console,path={self._path('console')},server=on,wait=off"]
            command += ["-device", "virtserialport,chardev=port,name=harness"]
            command += ["-chardev", f"socket,id=port,path={self._path('port')},server=on,wait=off"]
        for drive in self.drives:
            command += qemu.NETWORK if drive.kind == "net" else qemu.drive_options(drive)
        credentials = dict(self.credentials)
        if self.boot == "kernel":
            command += ["-kernel", str(BUILD / "vmlinuz"), "-initrd", str(self.initrd)]
            command += ["-append", self.words()]
        elif self.shell:
            credentials["systemd.extra-unit.harness-shell.service"] = SHELL
            credentials["systemd.unit-dropin.sysinit.target"] = "[Unit]\nWants=harness-shell.service\n"
        for name, text in credentials.items():
            command += qemu.credential(name, text)
        return command

    def words(self) -> str:
        """The kernel's command line when there is no boot loader."""
        words = ["boot=live quiet systemd.show_status=false panic=1"]
        if self.medium.kind != "net":
            words.append(f"live-media=/dev/disk/by-uuid/{(BUILD / 'medium.uuid').read_text().strip()}")
        if self._has_serial:
            words.append("console=ttyS0,115200")
        words.append("console=tty0")
        if self.shell:
            words.append("systemd.debug_shell=hvc0 systemd.mask=serial-getty@hvc0.service")
        if self.radios:
            words.append(f"modules-load=mac80211_hwsim mac80211_hwsim.radios={self.radios}")
        return " ".join([*words, self.append]).strip()

    # The root shell

    def sh(self, command: str, timeout: float = 120) -> tuple[int, str]:
        """(exit status, output and errors together)."""
        return self.console.sh(command, timeout)

    def run(self, command: str, timeout: float = 120) -> str:
        """The output; raises Failed when the status is not 0."""
        return self.console.run(command, timeout)

    def wait(self, command: str, timeout: float = 120, what: str = "") -> str:
        """Repeat the command until it succeeds; raises Slow."""
        return self.console.wait(command, timeout, what)

    def put(self, path: str, data: bytes | str, mode: int = 0o644) -> None:
        self.console.put(path, data, mode)

    def get(self, path: str) -> bytes:
        return self.console.get(path)

    def booted(self, timeout: float = 300) -> VM:
        """Wait until systemd has started everything."""
        self.wait("systemctl is-system-running | grep -qE 'running|degraded'", timeout, "the VM to have booted")
        return self

    # The screen

    def screenshot(self, path: Path) -> Path:
        """tty1 as people see it, as PNG."""
        return self.monitor.screenshot(path)

    def tty1(self) -> str:
        """The text on tty1, a line each, from the kernel's own copy of the screen."""
        size = self.run("od -An -tu1 -N2 /dev/vcsa1").split()
        columns = int(size[1])
        cells = self.get("/dev/vcsu1").decode("utf-32-le")
        return "\n".join(cells[at : at + columns].rstrip() for at in range(0, len(cells), columns))

    def expect_tty1(self, *texts: str, timeout: float = 120) -> str:
        """Wait until one of the texts stands on tty1."""
        say(f"tty1: waiting for {' or '.join(map(repr, texts))}")

        def shown() -> str | None:
            screen = self.tty1()
            return screen if any(text in screen for text in texts) else None

        return until(shown, timeout, f"{texts} on tty1")

    # Sticks

    def plug(self, drive: Drive) -> None:
        """Put a drive in while it runs."""
        self.monitor.do(
            "blockdev-add",
            **{"driver": "raw", "node-name": drive.id, "file": {"driver": "file", "filename": str(drive.path)}},
        )
        self.monitor.do("device_add", **qemu.device(drive))

    def unplug(self, drive: Drive) -> None:
        """Pull a drive out, whatever is being written."""
        self.monitor.do("device_del", id=f"dev-{drive.id}")

    # Nodes

    def node(self, name: str, phy: str | None, answers: str | None = None, timeout: float = 120) -> Node:
        """A node of its own inside the VM, with this radio. It boots while you go on: wait with .booted()."""
        node = Node(self, name, phy)
        self.nodes[name] = node
        node.start(answers, timeout)
        return node
