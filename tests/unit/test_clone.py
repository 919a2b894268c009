"""Sticks that are files: laid out, written, checked, marked while unfinished, renewed with their store kept."""

import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from byzwizard.answers import Answers, Clone, Mesh, Node, Remote, parse
from byzwizard.backends import clone, layout
from byzwizard.backends.content import ANSWERS, carried, system_files
from byzwizard.backends.disks import parse_disk
from byzwizard.backends.stick import Stick, empty
from byzwizard.backends.system import Result, System
from byzwizard.backends.window import Files, Window, cut
from byzwizard.errors import CannotHere, Interrupted, Refused, StepFailed
from byzwizard.machine import Disk, Machine
from byzwizard.places import LINUX_RESERVED

MIB = 1 << 20
SIZE = 1000 * MIB  # of the sticks here
TOOLS = ("mkfs.vfat", "mcopy", "mshowfat", "sfdisk", "fsck.vfat")
with_tools = pytest.mark.allow_subprocess


def need_tools() -> None:
    missing = [tool for tool in TOOLS if shutil.which(tool, path="/usr/sbin:/usr/bin:/sbin:/bin") is None]
    if missing:
        pytest.skip(f"{missing[0]} is not installed: iso/host-packages has it")


@functools.cache
def noise(size: int) -> bytes:
    """The same in each test."""
    return os.urandom(size)


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    """A medium as iso/medium.sh makes it, small; with things beside the system that are somebody's."""
    folder = tmp_path / "medium"
    files = {
        "live/filesystem.squashfs": noise(9 * MIB + 777),
        "live/byzwizard.squashfs": noise(2 * MIB + 4096),
        "live/vmlinuz": noise(5 * MIB),
        "live/initrd.img": noise(3 * MIB + 1),
        "live/filesystem.module": b"filesystem.squashfs\nbyzwizard.squashfs\n",
        ".disk/info": b"Byzantium live\n",
        "boot/byzantium/boot.img": b"\xeb\x63" + bytes(508) + b"\x55\xaa",
        "boot/byzantium/core.img": noise(100_000),
        "boot/byzantium/bootx64.efi": noise(700_000),
        "boot/byzantium/grub.cfg": b"probe\n",
        "boot/grub/eltorito.img": b"of the ISO",
        "byzantium/answers.yaml": b"byzantium: 1\nmesh: {passphrase: secret of the source}\n",
        "save.dat": b"somebody's",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def template(tmp_path: Path, medium: Path) -> layout.Template:
    need_tools()
    folder = tmp_path / "work"
    folder.mkdir()
    return layout.Template(System(), folder, 300 * MIB, system_files(medium))


def blank(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stick that copies can be made to."""
    need_tools()
    monkeypatch.setattr("os.sched_setscheduler", lambda *_: None)
    with path.open("wb") as made:
        made.truncate(SIZE)
    return path


def stick_of(template: layout.Template, path: Path, names: layout.Names, told: list[tuple[int, int]]) -> Stick:
    if not path.exists():
        with path.open("wb") as file:
            file.truncate(SIZE)
    descriptor = os.open(path, os.O_RDWR | os.O_DIRECT)
    return Stick(
        descriptor, template, template.layout(SIZE, names), Window(template.big, 4 * MIB), 4 * MIB,
        lambda done, total: told.append((done, total)),
    )  # fmt: skip


def made(template: layout.Template, path: Path, names: layout.Names | None = None) -> list[tuple[int, int]]:
    told: list[tuple[int, int]] = []
    stick = stick_of(template, path, names or layout.Names(), told)
    try:
        empty(stick.descriptor, SIZE, layout.unfinished(System(), path.parent, template.size, SIZE))
        stick.make()
    finally:
        stick.window.close()
        os.close(stick.descriptor)
    return told


def output(*argv: str) -> bytes:
    return subprocess.run(argv, check=True, capture_output=True).stdout


def partitions(path: Path) -> list[dict[str, Any]]:
    table: dict[str, Any] = json.loads(output("sfdisk", "--json", str(path)))["partitiontable"]
    found: list[dict[str, Any]] = table["partitions"]
    return found


def start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MIB + 512)


def file_of(path: Path, name: str) -> bytes:
    return output("mtype", "-i", f"{path}@@1M", f"::/{name}")


@with_tools
def test_a_stick_holds_the_system_and_nothing_else(template: layout.Template, medium: Path, tmp_path: Path) -> None:
    told = made(template, tmp_path / "a")
    files = {str(p.relative_to(medium)) for p in medium.rglob("*") if p.is_file()}
    for name in files - {"boot/grub/eltorito.img", "byzantium/answers.yaml", "save.dat", ".disk/info"}:
        assert file_of(tmp_path / "a", name) == (medium / name).read_bytes(), name
    assert file_of(tmp_path / "a", "EFI/BOOT/BOOTX64.EFI") == (medium / "boot/byzantium/bootx64.efi").read_bytes()
    listed = output("mdir", "-/", "-b", "-i", f"{tmp_path / 'a'}@@1M").decode()
    assert "save.dat" not in listed
    assert "answers" not in listed
    assert ".disk" not in listed  # what live-boot leaves out when it copies a medium to memory
    assert told[-1][0] == told[-1][1]
    assert [done for done, _total in told] == sorted(done for done, _total in told)


@with_tools
def test_the_file_system_is_sound(template: layout.Template, tmp_path: Path) -> None:
    made(template, tmp_path / "a")
    output("dd", f"if={tmp_path / 'a'}", f"of={tmp_path / 'p1'}", "bs=1M", "skip=1", "count=300", "conv=sparse",
           "status=none")
    checked = output("fsck.vfat", "-n", str(tmp_path / "p1")).decode()
    assert "files," in checked
    assert "differences" not in checked
    first, *others = partitions(tmp_path / "a")
    assert (first["start"], first["type"], first["name"], others) == (2048, layout.ESP, "BYZANTIUM", [])


@with_tools
def test_it_starts_from_a_bios(template: layout.Template, medium: Path, tmp_path: Path) -> None:
    made(template, tmp_path / "a")
    core = (medium / "boot/byzantium/core.img").read_bytes()
    head = start_of(tmp_path / "a")
    assert head[:2] == b"\xeb\x63"
    assert head[510:512] == b"\x55\xaa"
    assert int.from_bytes(head[0x5C:0x64], "little") == 34
    assert head[446 + 16] == 0x80
    placed = head[34 * 512 : 34 * 512 + len(core)]
    assert placed[:500] == core[:500]
    assert int.from_bytes(placed[500:508], "little") == 35
    assert placed[508:] == core[508:]


@with_tools
def test_no_two_sticks_are_alike(template: layout.Template, tmp_path: Path) -> None:
    for name in "ab":
        made(template, tmp_path / name)
    told = [output("sfdisk", "--dump", str(tmp_path / name)).decode() for name in "ab"]
    guids = [set(re.findall(r"(?:label-id: |uuid=)([-0-9A-F]{36})", text)) for text in told]
    assert len(guids[0]) == 2
    assert not guids[0] & guids[1]
    volumes = [start_of(tmp_path / name)[MIB + 67 : MIB + 71] for name in "ab"]
    seeds = [file_of(tmp_path / name, "byzantium/random-seed") for name in "ab"]
    assert volumes[0] != volumes[1]
    assert seeds[0] != seeds[1]
    assert len(seeds[0]) == 512


@with_tools
def test_the_source_is_not_changed_and_read_once(
    template: layout.Template, medium: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: hashlib.sha256(path.read_bytes()).digest() for path in medium.rglob("*") if path.is_file()}
    window = Window(template.big, MIB)
    read: list[tuple[Path, int]] = []
    original = Files.read

    def counted(self: Files, piece: layout.Piece) -> Any:
        read.append((piece.file, piece.offset))
        return original(self, piece)

    monkeypatch.setattr(Files, "read", counted)
    window.start()
    parts = len([*range(0, 9), 9, *range(3), *range(5), *range(4)])
    for number in range(parts):
        for _reader in range(3):
            assert window.part(number).data
    window.close()
    assert len(read) == len(set(read)) == parts
    assert all(hashlib.sha256(path.read_bytes()).digest() == value for path, value in before.items())


@with_tools
def test_a_slow_stick_reads_for_itself_what_has_left_the_window(template: layout.Template) -> None:
    window = Window(template.big, MIB // 4)
    window._room = 4
    window.start()
    fast = [window.part(number).digest for number in range(40)]
    slow = [window.part(number).digest for number in range(40)]
    window.close()
    assert fast == slow
    assert len(window._parts) <= 4


@with_tools
@pytest.mark.parametrize("writes", [1, 4, 20, 50])
def test_what_was_interrupted_never_starts_and_says_so(
    template: layout.Template, tmp_path: Path, writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(template, tmp_path / "a")  # something of ours that would start is there already
    left = [writes]
    put = os.pwrite

    def torn(*arguments: Any) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(5, "cut")
        return put(*arguments)

    monkeypatch.setattr("byzwizard.backends.direct.os.pwrite", torn)
    with pytest.raises(StepFailed):
        made(template, tmp_path / "a")
    monkeypatch.undo()
    if writes >= 4:
        assert [part["name"] for part in partitions(tmp_path / "a")] == [layout.UNFINISHED]
    head = start_of(tmp_path / "a")
    assert (head[0], head[MIB:]) == (0, bytes(512)) or writes < 4
    made(template, tmp_path / "a")
    assert [part["name"] for part in partitions(tmp_path / "a")] == ["BYZANTIUM"]


@with_tools
def test_a_stick_that_forgets_is_found_out(
    template: layout.Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = os.pwrite
    at = next(piece.at for piece in cut(template.big, 4 * MIB) if piece.at > 8 * MIB)
    monkeypatch.setattr(
        "byzwizard.backends.direct.os.pwrite", lambda file, data, to: len(data) if to == at else put(file, data, to)
    )
    with pytest.raises(StepFailed, match="does not keep"):
        made(template, tmp_path / "a")
    assert [part["name"] for part in partitions(tmp_path / "a")] == [layout.UNFINISHED]


def test_how_big_the_system_becomes() -> None:
    assert layout.system_size(7200 * MIB, 300 * MIB) == 4096 * MIB
    assert layout.system_size(7200 * MIB - 1, 300 * MIB) == 856 * MIB
    assert layout.smallest_disk(300 * MIB) == 858 * MIB


def disk(**more: Any) -> Disk:
    found = parse_disk({"name": "sdb", "path": "/dev/sdb", "type": "disk", "size": SIZE, "rm": True, "ro": False,
                        "vendor": "SanDisk", "model": "Ultra", "serial": "4C53", "tran": "usb", **more})  # fmt: skip
    assert found is not None
    return found


class OneDisk(System):
    """Its one disk is a file; every tool but lsblk is the real one."""

    def __init__(self, root: Path, file: Path, medium: Path) -> None:
        super().__init__(root)
        self.file = file
        self.path("/dev").mkdir(parents=True)
        self.path("/dev/sdb").symlink_to(file)
        self.path("/run/live").mkdir(parents=True)
        self.path("/run/live/medium").symlink_to(medium)
        self.children: list[dict[str, Any]] = []

    def run(self, *argv: str, **more: Any) -> Result:
        if argv[0] == "lsblk":
            entry = {"name": "sdb", "path": "/dev/sdb", "type": "disk", "size": self.file.stat().st_size,
                     "vendor": "SanDisk", "model": "Ultra", "serial": "4C53", "tran": "usb", "rm": True, "ro": False,
                     "children": self.children}  # fmt: skip
            return Result(0, json.dumps({"blockdevices": [entry]}), "")
        if argv[0] in {"ionice", "udevadm"}:
            return Result(0, "", "")
        return super().run(*(word.replace("/dev/sdb", str(self.path("/dev/sdb"))) for word in argv), **more)


@with_tools
def test_a_stick_of_ours_is_renewed_and_keeps_its_store(
    medium: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = blank(tmp_path / "stick", monkeypatch)
    system = OneDisk(tmp_path / "root", file, medium)
    step = clone.steps(("4C53",), "blank", None, Machine(disks=(disk(),)))[0]
    step.apply(system, lambda done, total: None)
    first = partitions(file)[0]
    start = (first["start"] + first["size"]) // 2048 * 2048 + 2048
    subprocess.run(
        ["sfdisk", "--quiet", "--append", str(file)], check=True, text=True,
        input=f"start={start}, type={LINUX_RESERVED}, name=byzdata, attrs=\"GUID:63\"\n",
    )  # fmt: skip
    store = partitions(file)[1]
    with file.open("r+b") as stick:
        stick.seek(start * 512)
        stick.write(b"what people wrote" * 1000)
    (medium / "live/vmlinuz").write_bytes(os.urandom(6 * MIB))
    system.children = [
        {"name": "sdb1", "path": "/dev/sdb1", "type": "part", "size": 9, "fstype": "vfat", "label": "BYZANTIUM"},
        {"name": "sdb2", "path": "/dev/sdb2", "type": "part", "size": 9, "fstype": "crypto_LUKS", "label": None},
    ]
    ours = disk(children=system.children)
    again = clone.steps(("4C53",), "blank", None, Machine(disks=(ours,)))[0]
    assert again.destroys == (
        "the system on SanDisk Ultra, 1.0 GB (serial 4C53) and all files beside it; the store behind it stays"
    )
    again.apply(system, lambda done, total: None)
    assert file_of(file, "live/vmlinuz") == (medium / "live/vmlinuz").read_bytes()
    assert partitions(file)[1] == {**store}
    with file.open("rb") as stick:
        stick.seek(start * 512)
        assert stick.read(17) == b"what people wrote"
    assert not any(tmp_path.glob("root/run/byzantium/copy-*"))


def test_what_a_copy_with_answers_carries() -> None:
    source = Answers(
        node=Node(name="lighthouse", country="NO", language="de"),
        mesh=Mesh(name="relief", passphrase=SecretStr("correct horse"), subnet="10.1.2.0/24", interfaces=("wlan7",)),
        remote=Remote(web_terminal=True),
        services=("chat",),
    )
    text = carried(source)
    assert (text.mesh.name, text.node.country, text.services) == ("relief", "NO", ("chat",))
    assert text.mesh.passphrase == SecretStr("correct horse")
    assert (text.node.name, text.mesh.subnet, text.mesh.interfaces) == (None, "auto", "auto")
    assert not text.remote.web_terminal


@with_tools
def test_a_copy_with_answers_reads_them_at_its_start(
    medium: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = blank(tmp_path / "stick", monkeypatch)
    system = OneDisk(tmp_path / "root", file, medium)
    answers = Answers(mesh=Mesh(name="relief", passphrase=SecretStr("correct horse")))
    clone.steps(("4C53",), "answers", answers, Machine(disks=(disk(),)))[0].apply(
        system, lambda done, total: None
    )
    assert parse(file_of(file, ANSWERS).decode()).mesh.passphrase == SecretStr("correct horse")


@pytest.mark.parametrize(
    ("wanted", "refused"),
    [
        (Clone(to=("4C53", "/dev/sdb")), Refused),
        (Clone(to=("nobody",)), Refused),
        (Clone(to=("4C53",), content="answers"), CannotHere),
        (Clone(to=("4C53",), content="data"), CannotHere),
    ],
)
def test_what_is_refused_before_anything_is_done(wanted: Clone, refused: type[Exception]) -> None:
    with pytest.raises(refused):
        clone.steps(wanted.to, wanted.content, None, Machine(disks=(disk(),)))


@with_tools
def test_it_stops_when_it_is_told_to(template: layout.Template, tmp_path: Path) -> None:
    system = System()
    system.stop()
    try:
        with pytest.raises(Interrupted):
            made(template, tmp_path / "a")
    finally:
        system.go_on()
