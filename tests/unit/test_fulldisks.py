"""When a disk is full for services: how much of it is left, and that nobody else is."""

import asyncio
import os
from pathlib import Path

import pytest

from byzwizard import fulldisks, tend
from byzwizard.backends import filled, offering
from byzwizard.backends.system import System
from tests.unit.fake_services import CATALOGUE

MB = 1 << 20


@pytest.fixture
def disks(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[int, int]]:
    """Of folders by their names, how many MB there are and are free; others cannot be read."""
    known: dict[str, tuple[int, int]] = {}

    def statvfs(path: Path) -> os.statvfs_result:
        if path.name not in known:
            raise OSError
        size, free = known[path.name]
        return os.statvfs_result((4096, 4096, size * 256, free * 256 + 5, free * 256, 0, 0, 0, 0, 255))

    monkeypatch.setattr(os, "statvfs", statvfs)
    return known


@pytest.mark.parametrize(("size", "free", "full"), [
    (8000, 256, False), (8000, 255, True), (1024, 103, False), (1024, 102, True),
    (200, 20, False), (200, 19, True), (200, 0, True),
])
def test_much_is_left_free_on_a_disk_and_less_on_a_small_one(
    disks: dict[str, tuple[int, int]], tmp_path: Path, size: int, free: int, full: bool
) -> None:
    for name in ("board", "wiki", "torn"):
        (tmp_path / name).mkdir()
    disks.update(board=(size, free), wiki=(8000, 4000))
    assert fulldisks.services(tmp_path) == ({"board"} if full else set())
    assert fulldisks.services(tmp_path / "none") == set()


def test_tend_has_a_file_for_each_that_nginx_looks_for_while_it_is_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = {"board", "wiki"}
    monkeypatch.setattr(fulldisks, "services", lambda: full)
    monkeypatch.setattr(tend, "DISKS_EVERY", 0.01)
    folder = tmp_path / Path(fulldisks.FULL).name
    assert str(tend.NAMES / folder.name) == fulldisks.FULL

    async def watch() -> list[set[str]]:
        watching = asyncio.create_task(tend.Tend(tmp_path)._watch_disks())
        seen = []
        for gone in ("board", "wiki", ""):
            await asyncio.sleep(0.1)
            seen.append({path.name for path in folder.iterdir()})
            full.discard(gone)
        watching.cancel()
        return seen

    assert asyncio.run(watch()) == [{"board", "wiki"}, {"wiki"}, set()]


def test_whoever_looks_after_the_node_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = System(tmp_path)
    chosen = [offering.of(CATALOGUE.services[name], "a.byzantium.mesh") for name in ("files", "wiki", "board")]
    rows = [offering.row(one, "failing" if one.name == "wiki" else "on") for one in chosen]
    assert filled.check(system, chosen) == []
    for name in ("files", "wiki"):
        system.write(f"{fulldisks.FULL}/{name}", "")
        system.path(fulldisks.HOME / name).mkdir(parents=True)
    monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result((4096, 4096, 100, 8, 7, 0, 0, 0, 0, 255)))
    [told] = filled.check(system, chosen)
    assert told.ok, "the node works"
    assert told.text == "The disk for Files and Wiki is full (93 %)."
    assert "Delete there what is old" in str(told.advice)
    [failing] = offering.complaints(system, chosen, rows)
    assert failing.text == "Wiki does not work: its disk is full."
    assert failing.advice == told.advice
