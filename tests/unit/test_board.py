"""What is kept and moved of the board, where a full disk or a power cut left files of snac empty."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from pathlib import Path

import pytest

from byzwizard.assets.services.board import posts

HERE, THERE = f"{'a' * 32}.byzantium.mesh", f"{'b' * 32}.byzantium.mesh"


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def post(host: str, number: int, text: str | None) -> Path:
    """As snac keeps it: a file, and a link to it among the guest's. None is what a full disk leaves of it."""
    ident = f"https://{host}/board/guest/p/{number}"
    file = Path(f"posts/object/{md5(ident)[:2]}/{md5(ident)}.json")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("" if text is None else json.dumps({"id": ident, "content": text}))
    os.utime(file, (1_700_000_000, 1_700_000_000))
    os.link(file, f"posts/user/guest/public/{file.name}")
    return file


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A board with two posts, the second one is empty."""
    monkeypatch.chdir(tmp_path)
    Path("posts/user/guest/public").mkdir(parents=True)
    Path("posts/server.json").write_text(json.dumps({"host": HERE, "layout": 2.7}))
    Path("posts/user/guest/user.json").write_text(json.dumps({"uid": "guest"}))
    files = post(HERE, 1, "Water at the school"), post(HERE, 2, None)
    Path("posts/public.idx").write_text("".join(f"{file.stem}\n" for file in files))
    return tmp_path


def test_what_is_empty_is_left_out_of_the_dump_which_others_take(
    board: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: pytest.fail("it was written long ago"))
    posts.save(board)
    assert capsys.readouterr().err == "Left out, for they are empty or damaged: 1 of the board's files.\n"
    Path("posts").rename("former")
    posts.load(board / "board.tar")
    [file] = Path("posts/object").glob("*/*.json")
    assert json.loads(file.read_text())["content"] == "Water at the school"
    assert [path.samefile(file) for path in Path("posts/user/guest/public").iterdir()] == [True]


def test_what_is_whole_is_said_nothing_of(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in posts.POSTS.rglob("*.json"):
        if not path.stat().st_size:
            path.unlink()
    posts.save(board)
    posts.move(THERE)
    assert capsys.readouterr().err == ""


def test_what_is_just_written_is_waited_for(board: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = post(HERE, 3, None)
    os.utime(file)
    monkeypatch.setattr("time.sleep", lambda _seconds: file.write_text('{"content": "just now"}'))
    posts.save(board)
    with tarfile.open("board.tar") as archive:
        assert file.relative_to("posts").as_posix() in archive.getnames()


def test_without_what_the_board_is_there_is_no_dump(board: Path) -> None:
    Path("posts/server.json").write_text("")
    os.utime("posts/server.json", (0, 0))
    with pytest.raises(SystemExit, match=r"server\.json is damaged"):
        posts.save(board)


def test_a_board_with_such_files_moves_to_another_host(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    post(HERE, 3, None).write_text('{"id": "https://')
    post(HERE, 4, None).write_text("[]")
    posts.move(THERE)
    assert "3 of the board's files" in capsys.readouterr().err
    name = md5(f"https://{THERE}/board/guest/p/1")
    assert THERE in Path(f"posts/object/{name[:2]}/{name}.json").read_text()
    assert name in Path("posts/public.idx").read_text()
    assert json.loads(Path("posts/server.json").read_text())["host"] == THERE
