"""Data of services in files: what is written is read again, what is not right is refused, what was cut off goes on."""

import gzip
import io
import json
import os
import re
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from byzwizard.backends import dumped, dumpfile, dumps
from byzwizard.backends.dumpfile import DATA, MANIFEST, Manifest
from byzwizard.backends.system import Result, System
from byzwizard.errors import ByzantiumError, Invalid, StepFailed

HOLDS = ("tea.db", "leaves/")
MOST = 1 << 20
TEA = dumped.Dumped("tea", "byz-tea.service", "/var/lib/byzantium/services/tea", HOLDS, "/save", "/load", MOST)
SAID = {"dump": 1, "service": "tea", "made": "2026-11-27T05:00:00Z", "version": "tea 1.2", "files": 1, "bytes": 3}


def quiet(_done: int, _total: int) -> None:
    """Nobody watches."""


def archive(path: Path, *entries: tuple[tarfile.TarInfo, bytes], said: object = SAID) -> Path:
    """As anybody may make one."""
    with gzip.open(path, "wb") as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        text = json.dumps(said).encode()
        for entry, content in ((file(MANIFEST, len(text)), text), *entries):
            tar.addfile(entry, io.BytesIO(content))
    return path


def file(name: str, size: int, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.type, entry.linkname, entry.mode, entry.uid = size, kind, link, 0o4777, 12
    return entry


def unpack(path: Path, to: Path) -> Manifest:
    to.mkdir()
    return dumpfile.unpack(path, to, "tea", HOLDS, MOST, quiet)


def test_what_is_saved_is_read_again_with_what_it_says(tmp_path: Path) -> None:
    folder = tmp_path / "from"
    (folder / "leaves").mkdir(parents=True)
    (folder / "tea.db").write_bytes(os.urandom(100_000))
    (folder / "leaves/green").write_bytes(b"")
    (folder / "leaves" / ("ä" * 120)).write_bytes(b"long")
    files = dumpfile.files_of(folder, HOLDS, MOST)
    target, told = tmp_path / "tea.tar.gz", []
    manifest = Manifest("tea", "2026-11-27T05:00:00Z", "tea 1.2", len(files), sum(files.values()))
    dumpfile.write(target, manifest, folder, files, lambda done, total: told.append((done, total)))
    assert told[-1] == (100_004, 100_004)
    assert unpack(target, tmp_path / "to") == manifest
    assert (tmp_path / "to/tea.db").read_bytes() == (folder / "tea.db").read_bytes()
    assert {path.name for path in (tmp_path / "to/leaves").iterdir()} == {"green", "ä" * 120}
    assert target.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["from", "tea.tar.gz", "to"]


@pytest.mark.parametrize("name", [
    "Screenshot 2026-11-27 at 9.41.00\u202fAM.png",
    "na\u00efve\u00a0name",
    "family \U0001f468\u200d\U0001f469\u200d\U0001f467.jpg",
    "\u202erighttoleft",
    os.fsdecode(b"caf\xe9"),
    "-rf ~",
    "a\\b:c*?",
    "/".join(["deep"] * 62),
])
def test_files_are_called_as_people_and_their_phones_call_them(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "from"
    path = folder / "leaves" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"tea")
    files = dumpfile.files_of(folder, HOLDS, MOST)
    dumpfile.write(tmp_path / "tea.tar.gz", Manifest("tea", "", "", 1, 3), folder, files, quiet)
    unpack(tmp_path / "tea.tar.gz", tmp_path / "to")
    assert (tmp_path / "to/leaves" / name).read_bytes() == b"tea"


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J", "a\x7f", "\x9b2J", "a\0", "../tea.db", "a//b", "./a",
                                  "/etc/passwd", "/".join("a" * 64)])
def test_what_a_terminal_or_a_path_would_act_on_is_no_name(name: str) -> None:
    assert not dumpfile.held(f"leaves/{name}", HOLDS)


def test_a_dump_has_room_for_all_files_that_people_may_put_on_a_node() -> None:
    limits = re.search(r"vmaxn: ([0-9]+)k\n", Path("assets/services/files/copyparty.conf").read_text())
    assert limits is not None
    assert int(limits[1]) << 10 <= dumpfile.MOST_FILES


def test_one_that_fails_in_the_middle_leaves_the_former_one(tmp_path: Path) -> None:
    folder, target = tmp_path / "from", tmp_path / "tea.tar.gz"
    folder.mkdir()
    (folder / "tea.db").write_bytes(b"short")
    target.write_text("former")
    with pytest.raises(OSError, match="end of data"):
        dumpfile.write(target, Manifest("tea", "", "", 1, 100), folder, {"tea.db": 100}, quiet)
    assert target.read_text() == "former"
    assert not target.with_name("tea.tar.gz.part").exists()


@pytest.mark.parametrize("entry", [
    (file("/etc/passwd", 3), b"tea"),
    (file(DATA + "../../etc/passwd", 3), b"tea"),
    (file(DATA + "/etc/passwd", 3), b"tea"),
    (file(DATA + "leaves/../tea.db", 3), b"tea"),
    (file(DATA + "other", 3), b"tea"),
    (file("tea.db", 3), b"tea"),
    (file(DATA + "tea.db", 0, tarfile.SYMTYPE, "/etc/passwd"), b""),
    (file(DATA + "tea.db", 0, tarfile.LNKTYPE, "/etc/passwd"), b""),
    (file(DATA + "leaves", 0, tarfile.DIRTYPE), b""),
    (file(DATA + "tea.db", 0, tarfile.CHRTYPE), b""),
    (file(DATA + "tea.db", 0, tarfile.FIFOTYPE), b""),
    (file(DATA + "tea.db", 4), b"teas"),
    (file(DATA + "tea.db", 2), b"te"),
])
def test_what_is_no_part_of_a_dump_is_refused(tmp_path: Path, entry: tuple[tarfile.TarInfo, bytes]) -> None:
    path = archive(tmp_path / "bad.tar.gz", entry)
    with pytest.raises(Invalid, match=r"bad\.tar\.gz"):
        unpack(path, tmp_path / "to")
    assert all(found.is_file() and found.lstat().st_size <= 3 for found in (tmp_path / "to").rglob("*"))


def test_one_name_twice_is_refused(tmp_path: Path) -> None:
    one = file(DATA + "tea.db", 3), b"tea"
    with pytest.raises(Invalid):
        unpack(archive(tmp_path / "bad.tar.gz", one, one, said={**SAID, "files": 2, "bytes": 6}), tmp_path / "to")


@pytest.mark.parametrize(("said", "why"), [
    ({**SAID, "service": "wiki"}, "data of wiki"),
    ({**SAID, "dump": 2}, "newer"),
    ({**SAID, "bytes": MOST + 1}, "more than tea may have"),
    ({**SAID, "files": -1}, "damaged"),
    ({**SAID, "bytes": 3.0}, "damaged"),
    ({**SAID, "more": 1}, "damaged"),
    ({**SAID, "version": None}, "damaged"),
    ([1], "damaged"),
    ("\x1b[2J" * 2000, "damaged"),
])
def test_what_says_something_else_is_refused(tmp_path: Path, said: object, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        unpack(archive(tmp_path / "bad.tar.gz", (file(DATA + "tea.db", 3), b"tea"), said=said), tmp_path / "to")


def cut(whole: bytes) -> bytes:
    return whole[:-9]


def flipped(whole: bytes) -> bytes:
    return whole[:-6] + bytes([whole[-6] ^ 1]) + whole[-5:]


@pytest.mark.parametrize("harm", [cut, flipped, lambda _whole: b"", lambda _whole: b"no archive" * 100])
def test_a_damaged_one_is_refused(tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
    path = archive(tmp_path / "bad.tar.gz", (file(DATA + "tea.db", 3), b"tea"))
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(Invalid, match="damaged"):
        unpack(path, tmp_path / "to")


SPARSE_MORE = bytes(504) + b"\1" + bytes(7)  # of an old GNU tar: another list of holes follows


def sparse() -> bytes:
    header = bytearray(file(DATA + "tea.db", 3, tarfile.GNUTYPE_SPARSE).tobuf(tarfile.GNU_FORMAT))
    header[482] = 1
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + 8 * ord(" ") + sum(header[156:]))
    return bytes(header) + SPARSE_MORE * 20_000


@pytest.mark.parametrize("headers", [
    file("x", 1 << 33, tarfile.XHDTYPE).tobuf(tarfile.GNU_FORMAT) + bytes(4 << 20),
    file("x", 1 << 33, tarfile.GNUTYPE_LONGNAME).tobuf(tarfile.GNU_FORMAT) + bytes(4 << 20),
    (file("x", 32768, tarfile.XGLTYPE).tobuf() + b"9 x=yyyy\n".ljust(32768, b"\0")) * 100,
    sparse(),
])
def test_what_unpacks_to_more_than_memory_has_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, headers: bytes
) -> None:
    read, real = [], gzip.GzipFile.read

    def counted(self: gzip.GzipFile, size: int | None = -1) -> bytes:
        read.append(real(self, size))
        return read[-1]

    monkeypatch.setattr(gzip.GzipFile, "read", counted)
    text = json.dumps(SAID).encode()
    for first in (b"", file(MANIFEST, len(text)).tobuf() + text.ljust(512, b"\0")):
        path = tmp_path / "bad.tar.gz"
        path.write_bytes(gzip.compress(first + headers))
        with pytest.raises(Invalid, match="damaged"):
            unpack(path, tmp_path / f"to-{len(first)}")
    assert sum(map(len, read)) < 100_000


def test_neither_a_folder_nor_a_pipe_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "nothing"):
        with pytest.raises(Invalid):
            unpack(path, tmp_path / f"to-{path.name}")


def test_links_and_foreign_files_are_not_saved(tmp_path: Path) -> None:
    (tmp_path / "tea.db").symlink_to("/etc/shadow")
    with pytest.raises(StepFailed, match=r"tea\.db"):
        dumpfile.files_of(tmp_path, HOLDS, MOST)


class Killed(BaseException):
    """The process is gone at this call."""


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    """With data of before, and new ones that are to come in."""
    def run(_self: System, *argv: str, **_more: Any) -> Result:
        assert argv in {("systemctl", "stop", unit) for unit in (TEA.unit, TEA.tool)}
        return Result(0, "", "")

    monkeypatch.setattr(System, "run", run)
    for folder, text in (("services/tea", "before"), ("dumps/tea/new", "after")):
        place = tmp_path / "var/lib/byzantium" / folder
        (place / "leaves").mkdir(parents=True)
        (place / "tea.db").write_text(text)
        (place / "leaves/green").write_text(text)
    return System(tmp_path)


def texts(folder: Path) -> set[str]:
    return {path.read_text() for path in folder.rglob("*") if path.is_file()}


def places(node: System) -> tuple[Path, Path]:
    work = node.path("/var/lib/byzantium/dumps/tea")
    return node.path(TEA.folder), work / "former"


@pytest.mark.parametrize("calls", range(12))
def test_killed_anywhere_it_is_finished_by_the_next_run(
    node: System, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    left = calls
    for name in ("rename", "rmdir", "mkdir"):
        real = getattr(os, name)

        def counted(*words: Any, real: Any = real, **more: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return real(*words, **more)

        monkeypatch.setattr(os, name, counted)
    try:
        dumped.swap(node, TEA)
    except Killed:
        left = 1000
        said = dumped.settle(node, TEA)
        assert "cut off, and is finished" in (said or "")
    data, former = places(node)
    assert (texts(data), texts(former)) == ({"after"}, {"before"})
    assert dumped.unproven(node, TEA)
    assert dumped.settle(node, TEA) is None


def test_what_is_unfinished_goes_and_is_told(node: System) -> None:
    work = node.path("/var/lib/byzantium/dumps/tea")
    shutil.move(work / "new", work / "coming")
    (work / "tea.tar.gz.part").write_text("half")
    (work / "tea.tar.gz").write_text("whole")
    said = dumped.settle(node, TEA)
    assert "nothing that was there is lost" in (said or "")
    assert [path.name for path in work.iterdir()] == ["tea.tar.gz"]
    assert texts(node.path(TEA.folder)) == {"before"}
    assert dumped.settle(node, TEA) is None


def test_what_does_not_work_makes_room_for_what_was_there(node: System) -> None:
    dumped.swap(node, TEA)
    dumped.put_back(node, TEA)
    data, former = places(node)
    assert texts(data) == {"before"}
    assert not former.exists()
    assert not dumped.unproven(node, TEA)


def test_what_works_lets_the_former_go(node: System) -> None:
    dumped.swap(node, TEA)
    dumped.proven(node, TEA)
    data, former = places(node)
    assert texts(data) == {"after"}
    assert not former.exists()


def test_nothing_is_written_where_a_locked_store_would_be(node: System) -> None:
    node.write("/run/byzantium/store.json", "{}")
    for act in (dumps.save, dumps.load):
        with pytest.raises(ByzantiumError, match="locked") as refused:
            act(node, TEA, node.path("/tea.tar.gz"), quiet)
        assert refused.value.status == 3
