"""The command line of QEMU: what the VM is made of."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.vm.say import say

BUILD = Path(__file__).resolve().parents[2] / "build"
# A card and a cable; this computer answers at 10.0.2.2.
NETWORK = ["-netdev", "user,id=cable", "-device", "e1000,netdev=cable"]
OVMF = [Path("/usr/share/OVMF") / name for name in ("OVMF_CODE_4M.fd", "OVMF_CODE.fd")]


@dataclass(frozen=True)
class Drive:
    """A drive: a stick (usb, removable), or an internal disk (nvme, virtio). `limit` and `read_limit` are
    bytes a second, 0 for none. Its writes and flushes are recorded in the file `log` (writes.py). The firmware starts
    from the `first` one."""

    path: Path
    kind: str = "usb"
    serial: str = ""
    limit: int = 0
    read_limit: int = 0
    read_only: bool = False
    removable: bool = True
    log: Path | None = None
    first: bool = False

    @property
    def id(self) -> str:
        return f"drive-{self.path.stem}"


def blank(path: Path, size: int) -> Path:
    """A sparse file of zeros, `size` bytes."""
    with path.open("wb") as file:
        file.truncate(size)
    return path


def device(drive: Drive) -> dict[str, object]:
    """The device of a drive, as -device and device_add take it."""
    serial = {"serial": drive.serial or drive.path.stem}
    front: dict[str, object] = {"id": f"dev-{drive.id}", "drive": drive.id, **serial}
    if drive.first:
        front["bootindex"] = 1  # 0 is the kernel that QEMU is given
    match drive.kind:
        case "usb":
            return {"driver": "usb-storage", "bus": "usb.0", "removable": drive.removable, **front}
        case "nvme":
            return {"driver": "nvme", **front}
        case "cdrom":
            return {"driver": "ide-cd", **front}
        case _:
            # blklogwrites puts two vectors before those of a write: merged ones then have more than IOV_MAX (1024).
            return {"driver": "virtio-blk-pci", "request-merging": drive.log is None, **front}


def _text(value: object) -> str:
    return {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def drive_options(drive: Drive) -> list[str]:
    front = device(drive)
    options = [str(front.pop("driver")), *(f"{name}={_text(value)}" for name, value in front.items())]
    return [*_behind(drive), "-device", ",".join(options)]


def _behind(drive: Drive) -> list[str]:
    if drive.log is not None:
        file, log = ({"driver": "file", "filename": str(path)} for path in (drive.path, drive.log))
        return ["-blockdev", json.dumps({"driver": "blklogwrites", "node-name": drive.id, "file": file, "log": log})]
    back = f"if=none,id={drive.id},file={drive.path},format=raw,cache=unsafe"
    if drive.read_only:
        back += ",readonly=on"
    if drive.limit:
        back += f",throttling.bps-write={drive.limit}"
    if drive.read_limit:
        back += f",throttling.bps-read={drive.read_limit}"
    return ["-drive", back]


def acceleration(small: bool = True) -> list[str]:
    """KVM where a guest really runs with it; else emulation. Found out by booting, once a kernel of the host."""
    # A small cache of translated code: pages that were code once and are data now make every write to them slow until
    # the cache is emptied. With QEMU's own size a boot takes twice as long; a computer full of nodes runs so much code
    # that it would be emptied all the time, and has QEMU's own size (`small` False).
    emulated = ["-accel", "tcg,thread=multi,tb-size=96" if small else "tcg,thread=multi"]
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return emulated
    remembered = BUILD / f"kvm-{platform.release()}"
    # Two workers may come at once: one looks, the other waits for what it found.
    with (BUILD / "kvm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not remembered.exists():
            remembered.write_text("works" if _kvm_boots() else "fails")
    return ["-accel", "kvm", "-cpu", "host"] if remembered.read_text() == "works" else emulated


def _kvm_boots() -> bool:
    say("trying hardware virtualisation")
    log = BUILD / "kvm.log"
    log.write_bytes(b"")
    process = subprocess.Popen(
        [
            *("qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-m", "512", "-nodefaults", "-display", "none"),
            *("-no-reboot", "-serial", f"file:{log}", "-kernel", str(BUILD / "vmlinuz")),
            *("-append", "console=ttyS0 panic=-1"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 30
    try:
        # Without a root file system a running kernel ends in a panic, which says so.
        while time.monotonic() < end and process.poll() is None:
            if b"Kernel panic" in log.read_bytes():
                return True
            time.sleep(0.1)
        return b"Kernel panic" in log.read_bytes()
    finally:
        process.kill()
        process.wait()
        log.unlink()


def firmware(kind: str, folder: Path) -> list[str]:
    """UEFI wants its code and a writable copy of its variables."""
    if kind != "uefi":
        return []
    code = next(path for path in OVMF if path.exists())
    variables = folder / "uefi-variables.fd"
    variables.write_bytes(code.with_name(code.name.replace("CODE", "VARS")).read_bytes())
    return [
        *("-machine", "q35"),
        *("-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}"),
        *("-drive", f"if=pflash,format=raw,unit=1,file={variables}"),
    ]


def credential(name: str, text: str) -> list[str]:
    """A systemd credential by SMBIOS, which the guest finds in /run/credentials/@system/."""
    import base64

    encoded = base64.b64encode(text.encode()).decode()
    # QEMU takes a comma for the next option unless it is doubled; base64 has none.
    return ["-smbios", f"type=11,value=io.systemd.credential.binary:{name}={encoded}"]
