"""The server of the pads: its bounds, its files, and what it believes of other nodes."""

import asyncio
import errno
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from pycrdt import Doc, Text

from byzwizard.assets.services.pad import server


@pytest.fixture
def pads(tmp_path: Path) -> server.Pads:
    return server.Pads(tmp_path / "pads")


def written(text: str) -> server.Pad:
    pad = server.Pad(None)
    pad.text += text
    return pad


def test_what_was_written_is_in_a_file_that_is_read_again(pads: server.Pads, tmp_path: Path) -> None:
    assert pads.digests() == {}
    pads.rooms["water"] = written("at the school")
    told = dict(pads.digests())
    pads.save()
    assert [path.name for path in (tmp_path / "pads").iterdir()] == ["water.pad"]
    again = server.Pads(tmp_path / "pads")
    assert again.digests() == told, "two nodes see that they have the same"
    assert str(server.Pad((tmp_path / "pads/water.pad").read_bytes()).text) == "at the school"


@pytest.mark.parametrize("content", [b"", b"garbage", b"\0" * (2 * server.LIMIT + 1)])
def test_what_is_no_pad_is_laid_aside_and_the_others_are_there(
    pads: server.Pads, tmp_path: Path, content: bytes
) -> None:
    pads.rooms["water"] = written("at the school")
    pads.save()
    (tmp_path / "pads/food.pad").write_bytes(content)
    again = server.Pads(tmp_path / "pads")
    assert again.digests()["water"] == written("at the school").digest()
    assert (tmp_path / "pads/food.damaged").read_bytes() == content
    assert again.names() == {"water"}


def test_a_pad_that_was_only_looked_at_is_not_kept(pads: server.Pads, tmp_path: Path) -> None:
    pads.rooms["water"] = server.Pad(None)
    pads.save()
    assert not (tmp_path / "pads").exists()
    assert pads.names() == set()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Is it full? Then nothing gets there."""
    real, full = os.fsync, False

    def fsync(descriptor: int) -> None:
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    def become(now: bool) -> None:
        nonlocal full
        full = now

    monkeypatch.setattr(os, "fsync", fsync)
    return become


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has changed is written down as soon as it has."""
    monkeypatch.setattr(server, "LOOK", 0.02)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.01)


def kept(pads: server.Pads, tmp_path: Path) -> str:
    file = tmp_path / "pads/water.pad"
    return str(server.Pad(file.read_bytes()).text) if file.exists() else ""


@pytest.mark.usefixtures("often")
def test_on_a_full_disk_it_goes_on_says_so_once_and_keeps_it_when_there_is_room(
    pads: server.Pads, tmp_path: Path, disk: Callable[[bool], None], capsys: pytest.CaptureFixture[str]
) -> None:
    async def write() -> None:
        async with pads:
            keeping = asyncio.create_task(pads.keep())
            pad = await pads.get_room("water")
            disk(True)
            pad.text += "at the school"
            await until(lambda: pad.awareness.get_local_state() == {"unkept": True})  # people are told
            await asyncio.sleep(5 * server.LOOK)
            assert not keeping.done(), "the server would end, and all connections with it"
            await until(lambda: list((tmp_path / "pads").iterdir()) == [])  # what is half takes no room
            disk(False)
            pad.text += " until six"
            await until(lambda: pad.awareness.get_local_state() == {"unkept": False} and not pad.changed)
            keeping.cancel()

    asyncio.run(write())
    assert kept(pads, tmp_path) == "at the school until six"
    assert capsys.readouterr().err.splitlines() == [
        "water.pad cannot be kept: No space left on device", "water.pad is kept again"]


def test_what_is_stopped_on_a_full_disk_tries_all_and_ends(
    pads: server.Pads, tmp_path: Path, disk: Callable[[bool], None]
) -> None:
    pads.rooms["water"] = written("at the school")
    disk(True)
    pads.save()
    assert pads.rooms["water"].changed
    disk(False)
    pads.save()
    assert kept(pads, tmp_path) == "at the school"


def test_what_changes_while_it_is_written_is_written_again(
    pads: server.Pads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def write() -> None:
        async with pads:
            pad = await pads.get_room("water")
            real, loop = server._write, asyncio.get_running_loop()

            def meanwhile(path: Path, content: bytes) -> str:
                loop.call_soon_threadsafe(pad.text.insert, 0, "bread and ")
                return real(path, content)

            pad.text += "water at the school"
            monkeypatch.setattr(server, "_write", meanwhile)
            keeping = asyncio.create_task(pads.keep())
            await asyncio.sleep(1.3)
            monkeypatch.setattr(server, "_write", real)
            assert pad.changed
            keeping.cancel()
            pads.save()

    asyncio.run(write())
    assert kept(pads, tmp_path) == "bread and water at the school"


def test_pads_that_say_nothing_are_not_passed_on_and_give_way_the_oldest_first(
    pads: server.Pads, tmp_path: Path
) -> None:
    """A hundred of them, each with a letter that was taken away again, kept everybody from new ones for good."""
    (tmp_path / "pads").mkdir()
    pad = written("a")
    del pad.text[:]
    for number in range(server.MOST):
        file = tmp_path / f"pads/pad-{number}.pad"
        file.write_bytes((written("bread") if number < 2 else pad).ydoc.get_update())
        os.utime(file, (number, number))
    (tmp_path / "pads/pad-9.pad").write_bytes(b"garbage")

    async def open_three() -> None:
        async with pads:
            await pads.get_room("pad-2")  # somebody is in it
            for name in ("water", "milk", "tea"):
                assert pads.refuses(name) is None
                (await pads.get_room(name)).text += "at the school"

    asyncio.run(open_three())
    assert pads.digests().keys() == {"pad-0", "pad-1", "water", "milk", "tea"}
    gone = {f"pad-{number}" for number in range(server.MOST)} - pads.names()
    assert gone == {"pad-3", "pad-4", "pad-9"}, "there are no more of them than fit; one was no pad, and laid aside"


@pytest.mark.parametrize("name", ["", "Water", "a b", "../water", "-a", "a" * 33, "wasser\n", "wässer"])
def test_no_name_of_a_pad(pads: server.Pads, name: str) -> None:
    assert pads.refuses(name) == server.NO_NAME


def test_there_are_so_many_pads_and_so_many_in_memory(pads: server.Pads, tmp_path: Path) -> None:
    (tmp_path / "pads").mkdir()
    for number in range(server.MOST):
        (tmp_path / f"pads/pad-{number}.pad").write_bytes(written("bread").ydoc.get_update())
    assert pads.refuses("water") == server.TOO_MANY
    assert pads.refuses("pad-1") is None
    pads.rooms.update({f"pad-{number}": server.Pad(None) for number in range(server.OPEN)})
    assert pads.refuses("pad-1") is None
    assert pads.refuses(f"pad-{server.OPEN}") == server.BUSY


def test_a_pad_grows_to_its_limit_and_shrinks_when_text_is_deleted() -> None:
    pad = server.Pad(written("x" * 400_000).ydoc.get_update())
    assert not pad.takes(b"y" * 200_000)
    del pad.text[:]
    assert pad.takes(b"y" * 200_000)


@pytest.mark.parametrize("told", [
    "", "[]", '{"water": 1}', '{"water": {"a": "b"}}', b'{"water": "a"}', "[" * 5000, '{"":' * 2000,
    '{"water": ' + "[" * 5000, json.dumps({"water": "a" * server.TOLD}),
])
def test_what_another_node_says_is_no_list_of_pads(told: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # json's is one
        server._digests(told)


@pytest.mark.usefixtures("often")
def test_another_node_hears_of_all_pads_and_of_none_that_was_only_looked_at(
    pads: server.Pads, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look() -> None:
        async with pads:
            keeping = asyncio.create_task(pads.keep())
            await pads.get_room("water")
            await until(lambda: not pads.rooms)
            keeping.cancel()

    monkeypatch.setattr(server, "IDLE", 0)
    asyncio.run(look())
    assert pads.digests() == {}
    pads.rooms.update({f"{number:a>32}": written("x") for number in range(server.MOST)})
    assert server._digests(json.dumps(pads.digests())) == pads.digests()


def test_those_that_are_called_stand_in_what_tend_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LINKS", tmp_path / "links")
    assert server.nodes() == set()
    (tmp_path / "links").write_text("node a.mesh 10.1.1.1 aa11\nnode b.mesh 10.1.2.1 ab12\ncall b.mesh\n")
    assert server.nodes() == {server.Node("b.mesh", "10.1.2.1", "ab12")}


def test_its_page_and_its_server_know_the_same_reasons() -> None:
    page = Path(str(server.__file__)).with_name("bundle.js").read_text()
    reasons = json.dumps([server.NO_NAME, server.TOO_MANY, server.FULL])
    assert f"[NO_NAME, TOO_MANY, FULL] = {reasons};" in page


def test_its_page_has_what_its_script_shows() -> None:
    folder = Path(str(server.__file__)).parent
    asked = set(re.findall(r'at\("(\w+)"\)', (folder / "bundle.js").read_text()))
    assert "unkept" in asked
    assert asked <= set(re.findall(r'id="(\w+)"', (folder / "index.html").read_text()))


def test_files_of_another_are_pads() -> None:
    doc: Doc[Text] = Doc()
    doc["content"] = Text("hello")
    assert str(server.Pad(doc.get_update()).text) == "hello"
