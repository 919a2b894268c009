"""The server of the pads: its bounds, its files, and what it believes of other nodes."""

import json
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


@pytest.mark.parametrize("name", ["", "Water", "a b", "../water", "-a", "a" * 33, "wasser\n", "wässer"])
def test_no_name_of_a_pad(pads: server.Pads, name: str) -> None:
    assert pads.refuses(name) == server.NO_NAME


def test_there_are_so_many_pads_and_so_many_in_memory(pads: server.Pads, tmp_path: Path) -> None:
    (tmp_path / "pads").mkdir()
    for number in range(server.MOST):
        (tmp_path / f"pads/pad-{number}.pad").write_bytes(b"\0\0")
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


@pytest.mark.parametrize("told", ["", "[]", '{"water": 1}', '{"water": {"a": "b"}}'])
def test_what_another_node_says_is_no_list_of_pads(told: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # json's is one
        server._digests(told)


def test_those_that_are_called_stand_in_what_tend_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LINKS", tmp_path / "links")
    assert server.nodes() == set()
    (tmp_path / "links").write_text("node a.mesh 10.1.1.1 aa11\nnode b.mesh 10.1.2.1 ab12\ncall b.mesh\n")
    assert server.nodes() == {server.Node("b.mesh", "10.1.2.1", "ab12")}


def test_its_page_and_its_server_know_the_same_reasons() -> None:
    page = Path(str(server.__file__)).with_name("bundle.js").read_text()
    reasons = json.dumps([server.NO_NAME, server.TOO_MANY, server.FULL])
    assert f"[NO_NAME, TOO_MANY, FULL] = {reasons};" in page


def test_files_of_another_are_pads() -> None:
    doc: Doc[Text] = Doc()
    doc["content"] = Text("hello")
    assert str(server.Pad(doc.get_update()).text) == "hello"
