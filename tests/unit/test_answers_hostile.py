"""Files that want to hurt: each is told in a sentence, soon, and in little memory."""

import contextlib
import os
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from byzwizard.answers import Answers, load
from byzwizard.faults import MOST, InvalidAnswers

BOMB = "a: &a [x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefghijk", "bcdefghijkl", strict=True)
)
HOSTILE: dict[str, tuple[bytes, str]] = {
    "10 MB": (b"byzantium: 1\n" + b"#\n" * 5_000_000, "larger than 256 kB"),
    "alias bomb": (BOMB.encode(), "An anchor (&)"),
    "5,000 levels of lists": (b"a: " + b"[" * 5000 + b"]" * 5000, "nested more than 32 levels"),
    "5,000 levels of braces": (b"{a: " * 5000, "nested more than 32 levels"),
    "5,000 levels of dashes": (b"- " * 5000 + b"x", "nested more than 32 levels"),
    "700 levels of indentation": (b"".join(b" " * n + b"a:\n" for n in range(700)), "nested more than 32 levels"),
    "5,000 levels of complex keys": (b"? " * 5000, "A key must be a word"),
    "40,000 keys": (b"".join(b"k%05d: 1\n" % n for n in range(25_000)), "There is no key"),
    "20,000 values": (b"byzantium: 1\nservices: [" + b"chat," * 20_000 + b"]", "more than 10000 values"),
    "100,000 aliases": (b"a: [" + b"*x," * 80_000 + b"]", "An alias (*)"),
    "one long word": (b"byzantium: 1\nnode: {name: " + b"9" * 200_000 + b"}", "1 to 63 small letters"),
    "one long key": (b"byzantium: 1\n? " + b"k" * 200_000 + b"\n: 1", "There is no key"),
    "many words": (b"byzantium: 1\nx: " + b"a b " * 60_000, "There is no key"),
    "commas": (b"{" + b"," * 250_000, "cannot be read"),
    "colons": (b"a:" * 100_000, "colon"),
    "random bytes": (bytes(range(256)) * 400, "not a text file"),
    "NUL": (b"byzantium: 1\n\0", "not a text file"),
    "control character": (b"byzantium: 1\nnode: {name: a\x07}", "control character"),
    "Latin 1": (b"byzantium: 1\nnode: {name: caf\xe9}", "not UTF-8"),
    "UTF-16": ("byzantium: 1".encode("utf-16"), "UTF-16"),
    "empty": (b"", "empty"),
    "only a mark": (b"\xef\xbb\xbf", "empty"),
    "a huge number": (b"byzantium: " + b"1" * 10_000, "must be 1"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_told_in_a_second(kind: str, tmp_path: Path) -> None:
    content, said = HOSTILE[kind]
    file = tmp_path / "answers.yaml"
    file.write_bytes(content)
    begin = time.process_time()
    with pytest.raises(InvalidAnswers) as caught:
        load(file)
    assert time.process_time() - begin < 1
    assert said in " ".join(caught.value.lines())
    assert len(caught.value.faults) <= MOST
    assert all(len(line) < 1000 and line.isprintable() for line in caught.value.lines())


@pytest.mark.parametrize("kind", ["10 MB", "alias bomb", "5,000 levels of lists"])
def test_in_little_memory(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "answers.yaml"
    file.write_bytes(HOSTILE[kind][0])
    tracemalloc.start()
    with pytest.raises(InvalidAnswers):
        load(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000  # the program without it takes some 30 MB of the 100 MB


def test_places_of_bytes_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "answers.yaml"
    file.write_bytes(b"\xef\xbb\xbfbyzantium: 1\r\n\xc3\xa9: \xe9\n")
    with pytest.raises(InvalidAnswers) as caught:
        load(file)
    assert (caught.value.faults[0].line, caught.value.faults[0].column) == (2, 4)


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidAnswers, match="is a folder"):
        load(tmp_path)


@pytest.mark.parametrize("path", ["missing.yaml", "answers.yaml/inside", "nul\0.yaml", "x" * 300])
def test_no_such_file(path: str, tmp_path: Path) -> None:
    (tmp_path / "answers.yaml").write_text("byzantium: 1")
    with pytest.raises(InvalidAnswers, match=r"no such file|cannot be read"):
        load(tmp_path / path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_not_ours_to_read(tmp_path: Path) -> None:
    file = tmp_path / "answers.yaml"
    file.write_text("byzantium: 1")
    file.chmod(0)
    with pytest.raises(InvalidAnswers, match="sudo"):
        load(file)


def test_without_end() -> None:
    with pytest.raises(InvalidAnswers, match="larger than"):
        load(Path("/dev/zero"))


def through_fd(write: Callable[[int], None]) -> Answers:
    """What load makes of a pipe that another thread writes."""
    read_end, write_end = os.pipe()
    writer = threading.Thread(target=write, args=(write_end,))
    writer.start()
    try:
        return load(Path(f"/dev/fd/{read_end}"))
    finally:
        os.close(read_end)
        writer.join()


def test_a_pipe_in_pieces() -> None:
    def write(end: int) -> None:
        with os.fdopen(end, "wb", buffering=0) as out:
            out.write(b"byzantium: 1\nnode: {na")
            out.write(b"me: lighthouse}\n")

    assert through_fd(write).node.name == "lighthouse"


def test_a_pipe_without_end() -> None:
    def write(end: int) -> None:
        with contextlib.suppress(BrokenPipeError), os.fdopen(end, "wb", buffering=0) as out:
            while True:
                out.write(b"# more\n" * 1000)

    with pytest.raises(InvalidAnswers, match="larger than"):
        through_fd(write)


def test_a_named_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "answers.yaml"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("byzantium: 1\nportal: false\n",))
    writer.start()
    assert load(pipe).portal is False
    writer.join()
