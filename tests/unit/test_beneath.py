"""Who is near by batman-adv: from what batctl prints to the lines of status, and the address of bat0."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from byzwizard.backends import airing, babel_socket, batman, beneath, interfaces, neighbours, status
from byzwizard.backends.batman import JoinLinks
from byzwizard.backends.protocol import Beneath, Dump
from byzwizard.backends.system import Result, System

BAT_NODES = {n: (f"02:00:00:00:00:0{n}", f"12:00:00:00:00:0{n}") for n in (2, 3, 4)}  # first link, and bat0
SECOND = "02:00:00:00:99:02"  # the second radio of 2


def originator(node: int, by: str, quality: int, best: bool = False) -> dict[str, object]:
    row = {"hard_ifname": "mesh0", "orig_address": BAT_NODES[node][0], "neigh_address": by, "tq": quality}
    return row | ({"best": True} if best else {})


def bat_table(*near: str, seen: int = 400, ways: Sequence[dict[str, object]] = ()) -> Beneath:
    """As batctl prints it: who is near, who is reached by whom, and the addresses behind each."""
    clients = [{"tt_address": address, "tt_vid": vid, "orig_address": first, "best": True}
               for first, bat in BAT_NODES.values()
               for address, vid in ((bat, -1), (bat, 0), ("33:33:00:00:00:01", -1))]
    hears = [{"hard_ifname": "mesh0", "last_seen_msecs": seen, "neigh_address": mac} for mac in near]
    return beneath.parse(json.dumps(hears), json.dumps(list(ways)), json.dumps(clients))


def spoken_on_bat() -> Dump:
    neighbour = "add neighbour {n} address {at} if bat0 reach ffff ureach 0000 rxcost 256 txcost 256 cost 256"
    way = "add route {n} prefix 10.1.{n}.0/24 from 0.0.0.0/0 installed yes id 0{n} metric 256 refmetric 0 via {at} if b"
    return babel_socket.parse([line.format(n=n, at=airing.link_local(bat)) for line in (neighbour, way)
                               for n, (_first, bat) in BAT_NODES.items()])


def test_over_batman_adv_everybody_speaks_and_near_are_those_on_the_links() -> None:
    """2 is heard on the air, 3 on a cable, 4 is behind 3."""
    first = {n: each[0] for n, each in BAT_NODES.items()}
    table = bat_table(first[2], first[3], ways=[originator(4, first[3], 200, best=True)])
    station = airing.Station(first[2], -61, "ESTAB", 20)
    found = neighbours.listed([station], spoken_on_bat(), {"10.1.4.1": neighbours.Known("pier", 1)}, table)
    assert [(node.address, node.hops, node.signal_dbm, node.via) for node in found] == [
        ("10.1.2.1", 1, -61, None), ("10.1.3.1", 1, None, None), ("10.1.4.1", None, None, "10.1.3.1")]
    told, = status.company(found, "alone")
    assert told.text == "2 nodes are near."
    gone = neighbours.listed([], spoken_on_bat(), {}, bat_table(*first.values(), seen=40_000))
    assert [node.hops for node in gone] == [None, None, None]


def test_a_node_with_two_radios_is_one_by_batman_adv_whichever_is_heard() -> None:
    """Of the second one batman-adv says whom it leads to best: its own node, before those behind."""
    ways = [originator(2, SECOND, 250, best=True), originator(3, SECOND, 230, best=True)]
    heard = [airing.Station(BAT_NODES[2][0], -75, "ESTAB", 300), airing.Station(SECOND, -50, "ESTAB", 300)]
    for near in (heard, heard[1:]):
        table = bat_table(*(station.mac for station in near), ways=ways)
        assert [(one.mac, one.signal_dbm) for one in neighbours.behind(near, table)] == [(BAT_NODES[2][1], -50)]
        found = neighbours.listed(near, spoken_on_bat(), {}, table)
        assert [node.address for node in found if node.hops == 1] == ["10.1.2.1"]
        assert found[1].via == "10.1.2.1"
        silent = status.silent_links(neighbours.behind(near, table), spoken_on_bat(), "batman-adv", lambda: None)
        assert silent == [], "its routing is understood"


def test_who_speaks_no_batman_adv_is_told_and_who_is_not_known_yet_is_not() -> None:
    heard = [airing.Station(SECOND, -50, "ESTAB", 300)]

    def told(table: Beneath) -> list[str]:
        stations = neighbours.behind(heard, table)
        return [check.id for check in status.silent_links(stations, spoken_on_bat(), "batman-adv", lambda: None)]

    assert told(bat_table()) == ["unrouted"]
    assert told(bat_table(SECOND)) == []


@pytest.mark.parametrize("broken", ["", "{", "[1]", '[{"best": true}]', "{}", '[{"neigh_address": 1}]'])
def test_another_batctl_is_no_traceback(broken: str) -> None:
    assert beneath.parse(broken, "[]", "[]") == Beneath()
    for texts in (("[]", broken, "[]"), ("[]", "[]", broken)):
        assert beneath.parse(*texts).speakers == {}


class OneNode(System):
    """bat0 over mesh0; `said` is what ip(8) was told."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.said: list[str] = []
        for name, address in (("mesh0", "02:00:00:00:00:02"), ("bat0", "12:00:00:00:00:02")):
            self.link(name, address)
        (root / "sys/class/net/mesh0/master").symlink_to(root / "sys/class/net/bat0")

    def link(self, name: str, address: str) -> None:
        folder = self.path(f"/sys/class/net/{name}")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "address").write_text(f"{address}\n")
        (folder / "flags").write_text("0x1003\n")

    def run(self, *argv: str, stdin: str | None = None, ok: Sequence[int] = (0,), timeout: float = 30) -> Result:
        self.said += (stdin or " ".join(argv)).splitlines()
        for line in self.said:
            if " address " in line:
                self.link("bat0", line.split()[-1])
        return Result(0, "", "")


def test_bat0_follows_the_address_of_its_first_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another node.mac is another bat0: it goes on hiding the card, and no two nodes have one."""
    monkeypatch.setattr(batman, "index", lambda _name: 7)
    node, step = OneNode(tmp_path), JoinLinks(id="bat-links", text="", links=("mesh0",))
    assert not step.needed(node)
    node.link("mesh0", "02:00:00:00:00:05")
    assert step.needed(node)
    before = step.before(node)
    step.apply(node, lambda _done, _total: None)
    assert interfaces.mac(node, "bat0") == "12:00:00:00:00:05"
    assert node.said.index("link set dev bat0 down") < node.said.index("link set dev bat0 up")
    assert not step.needed(node)
    step.undo(node, before)
    assert interfaces.mac(node, "bat0") == "12:00:00:00:00:02"
    assert node.said[-1] == "link set dev bat0 up"
