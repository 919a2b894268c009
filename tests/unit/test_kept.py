"""What is done to the folders of a store, without one: tests/disk does it on real file systems."""

from __future__ import annotations

import socket
from pathlib import Path

from byzwizard.backends import kept


def test_what_a_program_left_goes_and_what_people_put_there_stays(tmp_path: Path) -> None:
    project = tmp_path / "shared/project"
    (project / "lock").mkdir(parents=True)
    mine = {project / name for name in ("Cargo.lock", "notes.pid", "lock/lock")}
    stale = {tmp_path / name for name in ("lock", "tor.pid", "board.lock")}
    for path in mine | stale:
        path.write_text("")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "control"))
    files = kept.Thing("services.files", (str(tmp_path),))
    assert set(kept._stale(files, tmp_path)) == stale | {tmp_path / "control"}
    assert not set(kept._stale(kept.Thing("home", ("/home",)), tmp_path)), "a home is nobody's but its owner's"
