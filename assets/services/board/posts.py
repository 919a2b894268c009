"""What people wrote on the board, kept and moved: posts, pictures and accounts, without what snac makes again itself.

    posts.py save FOLDER    all of it as it is now, while snac runs, as FOLDER/board.tar
    posts.py load FILE      ./posts from such a file, which may come from anybody
    posts.py move HOST      ./posts becomes that of this host: addresses have its name, and names of files their hashes

A post is one file, linked to wherever it is listed: snac deletes what is old and linked to nowhere, so links stay so.
On a full disk, or cut off, snac leaves files that are empty or half: what cannot be read is left out.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

POSTS = Path("posts")
HASH = re.compile(r"[0-9a-f]{32}")
KEPT = re.compile(
    r"server\.json|public\.idx"
    r"|object/[0-9a-f]{2}/[0-9a-f]{32}(\.json|_[a-z]\.idx)"
    r"|tag/[0-9a-f]{2}/[0-9a-f]{32}\.(idx|tag)"
    r"|user/\w{1,64}/((user|key)\.json|[a-z]{1,20}\.idx|static/([a-z]{1,8}-)?[0-9a-f]{32}(\.\w{1,16}){0,2}"
    r"|(public|private|pinned|bookmark|followers|following|muted|hidden)/[0-9a-f]{32}(_a)?(\.json)?)", re.ASCII)
OF_USERS = ("followers", "following", "muted", "hidden", "public", "private", "queue", "history", "static")
HOST = re.compile(r"[a-z2-7]{32}\.byzantium\.mesh")
MOST = 16 << 20  # bytes of one file: more than snac is sent at once
WRITTEN = 2.0  # seconds after which nobody is still writing what is half


def _kept() -> Iterator[tuple[str, Path]]:
    """Each file by its name; where it is linked to, that is after it."""
    for path in sorted(POSTS.rglob("*")):
        name = path.relative_to(POSTS).as_posix()
        if KEPT.fullmatch(name):
            yield name, path


def _whole(file: IO[bytes], name: str) -> bytes | None:
    """None for what cannot be read. What snac is just writing is asked for again."""
    for _time in range(100):
        file.seek(0)
        data = file.read()
        if not name.endswith(".json") or _json(data) is not None:
            return data
        if abs(time.time() - os.fstat(file.fileno()).st_mtime) > WRITTEN:
            break
        time.sleep(WRITTEN / 100)
    return None


def _json(data: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _say_left_out(number: int) -> None:
    if number:
        print(f"Left out, for they are empty or damaged: {number} of the board's files.", file=sys.stderr)


def save(folder: Path) -> None:
    torn = set()
    with tarfile.open(folder / "board.tar", "x") as archive:
        for name, path in _kept():
            try:
                file = path.open("rb")
            except FileNotFoundError:  # just deleted
                continue
            with file:
                data = _whole(file, name)
                if data is None and name == "server.json":  # without it the rest is no board
                    sys.exit(f"{name} is damaged.")
                if data is None:
                    torn.add(os.fstat(file.fileno()).st_ino)
                    continue
                entry = archive.gettarinfo(arcname=name, fileobj=file)
            entry.size = 0 if entry.islnk() else len(data)
            archive.addfile(entry, io.BytesIO(data))
    _say_left_out(len(torn))


def load(path: Path) -> None:
    try:
        with tarfile.open(path, "r:") as archive:
            for entry in archive:
                _take(archive, entry)
        own = json.loads((POSTS / "server.json").read_text())
        if not HOST.fullmatch(own["host"]):
            sys.exit("It is of no node.")
        _settle(own["host"], float(own["layout"]))
    except (tarfile.TarError, OSError, ValueError, KeyError, TypeError) as fault:
        sys.exit(f"This is no board, or it is damaged: {fault}")


def _take(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> None:
    if not KEPT.fullmatch(entry.name):
        sys.exit("It holds something that is no part of a board.")
    place = POSTS / entry.name
    place.parent.mkdir(parents=True, exist_ok=True)
    if entry.islnk() and KEPT.fullmatch(entry.linkname):
        os.link(POSTS / entry.linkname, place)
        return
    source = archive.extractfile(entry) if entry.type == tarfile.REGTYPE and entry.size <= MOST else None
    data = source.read() if source else b""
    if source is None or (place.suffix == ".json" and _json(data) is None):
        sys.exit("It holds something that is no part of a board.")
    with place.open("xb") as file:
        file.write(data)
    os.utime(place, (entry.mtime, entry.mtime))


def _settle(host: str, layout: float, posts: Path = POSTS) -> None:
    """What snac does not make by itself. Of its settings, those that are not this node's own."""
    for user in (posts / "user").iterdir():
        for folder in OF_USERS:
            (user / folder).mkdir(exist_ok=True)
    (posts / "server.json").write_text(json.dumps({"host": host, "prefix": "/board", "layout": layout}, indent=1))


def move(host: str) -> None:
    own = json.loads((POSTS / "server.json").read_text())
    former, new = str(own["host"]), Path("moved")
    hashes = _hashes(former, host)

    def moved(text: str) -> str:
        return HASH.sub(lambda found: hashes.get(found[0], found[0]), text)

    done: dict[int, Path] = {}
    for name, path in _kept():
        place = new / moved(name)
        if name.startswith("object/"):
            place = new / "object" / place.name[:2] / place.name
        place.parent.mkdir(parents=True, exist_ok=True)
        status = path.stat()
        if status.st_ino in done:
            os.link(done[status.st_ino], place)
            continue
        data = path.read_bytes()
        if path.suffix == ".idx":
            data = moved(data.decode("ascii", "replace")).encode()
        elif path.parent.name != "static":
            data = data.replace(former.encode(), host.encode())
        place.write_bytes(data)
        os.utime(place, (status.st_mtime, status.st_mtime))
        done[status.st_ino] = place
    _settle(host, float(own["layout"]), new)
    os.sync()
    # Cut off in between, first-run goes on.
    POSTS.rename("former")
    new.rename(POSTS)
    shutil.rmtree("former")


def _hashes(former: str, host: str) -> dict[str, str]:
    """What each hash of an address of the former host is at the other one."""
    ids = [f"https://{former}/board/{user.name}" for user in (POSTS / "user").iterdir()]
    posts = [_json(path.read_bytes()) for path in POSTS.glob("object/*/*.json")]
    ids += [str(post.get("id")) for post in posts if post is not None]
    _say_left_out(posts.count(None))
    return {_hash(one): _hash(one.replace(former, host)) for one in ids}


def _hash(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


if __name__ == "__main__":
    act, given = sys.argv[1:]
    if act == "move":
        move(given)
    else:
        {"save": save, "load": load}[act](Path(given))
