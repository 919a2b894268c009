"""What `status` says of those who were not believed."""

import contextlib
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from byzwizard.backends import babel_socket, hostile, ownlan
from byzwizard.backends.leases import Lease
from byzwizard.backends.neighbours import NODES, Known, listed
from byzwizard.backends.protocol import Dump, Way
from byzwizard.backends.system import System
from byzwizard.backends.uplinks import PortState

ANNA, EVIL = "fe80::a", "fe80::e"


def way(prefix: str, origin: str, via: str, installed: bool = True) -> Way:
    return Way(prefix, installed, 256, 0 if installed else 256, via, "mesh0", origin)


HONEST = (way("10.1.2.0/24", "01", ANNA), way("10.1.3.0/24", "02", EVIL), way("10.1.3.0/24", "02", ANNA, False))
FLOOD = tuple(way(f"10.9.{n}.0/24", "66", EVIL) for n in range(200))


def test_an_honest_mesh_is_not_spoken_ill_of() -> None:
    assert hostile._crowd(Dump(ways=HONEST), {}) is None
    twice = (*HONEST, way("10.1.4.0/24", "02", EVIL))
    assert hostile._crowd(Dump(ways=twice), {}) is None, "a node that has just changed its network"


def test_a_stick_that_was_copied_whole_is_told() -> None:
    """Both have the same networks, so that each believes to be nearer, and nobody moves."""
    own = ("10.1.9.0/24", "fd12:3456:789a:99::/64")
    clash = Dump(ways=(*HONEST, way("10.1.9.0/24", "07", EVIL, False)), own=own)
    assert hostile._twin(clash) is None, "two meshes met: one of the nodes moves"
    twin = Dump(ways=(*clash.ways, way("fd12:3456:789a:99::/64", "07", EVIL, False)), own=own)
    check = hostile._twin(twin)
    assert check is not None
    assert not check.ok


def test_a_node_with_many_networks_is_told_with_the_way_to_it() -> None:
    again = tuple(way(each.prefix, each.origin, ANNA, False) for each in FLOOD)
    check = hostile._crowd(Dump(ways=(*HONEST, *FLOOD, *again)), {"10.1.2.1": Known("anna", 1)})
    assert check is not None
    assert check.text == "A node announces 200 networks of the mesh; each node has one. The way to it goes by fe80::e."
    assert check.ok, "it keeps nothing from working"


def test_a_node_with_many_single_addresses_is_told_and_a_leased_one_is_not() -> None:
    leased = (*HONEST, way("10.200.7.1/32", "01", ANNA))
    assert hostile._crowd(Dump(ways=leased), {}) is None
    taken = tuple(way(f"10.1.{n}.1/32", "66", EVIL) for n in range(9))
    check = hostile._crowd(Dump(ways=(*leased, *taken)), {})
    assert check is not None
    assert check.text.startswith("A node announces 9 networks of the mesh")


def test_a_flood_of_ipv6_networks_is_told_too() -> None:
    flood = tuple(way(f"fd12:3456:789a:{n:x}::/64", "66", EVIL) for n in range(200))
    both = (*HONEST, way("fd12:3456:789a:aaaa::/64", "01", ANNA), way("10.200.7.1/32", "01", ANNA))
    assert hostile._crowd(Dump(ways=both), {}) is None
    check = hostile._crowd(Dump(ways=(*both, *flood, *FLOOD)), {})
    assert check is not None
    assert check.text.startswith("A node announces 400 networks of the mesh")


def flood_of(babel: socket.socket, many: int) -> None:
    """Speaks as babeld does, of `many` networks of one node."""
    link, _from = babel.accept()
    with link:
        link.sendall(b"BABEL 1.0\nversion babeld-1.13\nok\n")
        assert link.recv(100) == b"dump\n"
        link.sendall(f"add neighbour a address {EVIL} if mesh0 reach ffff rxcost 256 txcost 256 cost 256\n"
                     "add xroute own prefix 10.1.1.0/24 from 0.0.0.0/0 metric 0\n".encode())
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            link.sendall("".join(
                f"add route {n} prefix 10.{n // 250}.{n % 250}.0/24 from 0.0.0.0/0 installed yes id 66:66:66:66 "
                f"metric 256 refmetric 0 via {EVIL} if mesh0\n" for n in range(many)).encode() + b"ok\n")


def test_a_flood_beyond_what_is_read_is_cut_and_still_tells_whose(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as babel:
        babel.bind(str(tmp_path / "socket"))
        babel.listen()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(flood_of, babel, 60_000)
            dump = babel_socket.read(System(tmp_path), "/socket", timeout=10)
    assert dump.cut
    assert dump.own == ("10.1.1.0/24",)
    check = hostile._crowd(dump, {})
    assert check is not None
    assert check.text.startswith(f"A node announces more than {len(dump.ways)} networks")
    assert check.text.endswith(f"by {EVIL}.")


def test_the_list_of_nodes_has_an_end_and_keeps_those_with_a_name() -> None:
    invented = tuple(way(f"10.{64 + n // 250}.{n % 250}.0/24", "66", EVIL) for n in range(3000))
    known = way("10.1.2.0/24", "01", ANNA)
    last = Way(known.prefix, True, 60000, 256, ANNA, "mesh0", "01")
    found = listed((), Dump(ways=(*invented, last)), {"10.1.2.1": Known("anna", 2)})
    assert len(found) == 1000
    assert "anna" in {node.name for node in found}


def port(address: str) -> PortState:
    return PortState("eth0", "uplink", address, None, None, None, True, True, True, False, None, "eth0")


@pytest.mark.parametrize(("address", "told"), [
    ("10.1.2.9/24", True), ("10.1.0.9/16", True), ("10.7.0.9/16", False), ("192.168.1.9/24", False),
])
def test_a_prefix_inside_of_an_uplink(address: str, told: bool) -> None:
    assert (hostile._inside([port(address)], Dump(ways=HONEST)) is not None) == told


@pytest.mark.parametrize(("address", "kept"), [
    ("192.168.1.9/24", set()),
    ("10.1.0.9/16", {"10.1.0.0/16"}),
    ("10.0.0.9/8", {"10.0.0.1/32", "10.9.9.9/32"}),
])
def test_what_is_kept_from_the_mesh(address: str, kept: set[str]) -> None:
    assert ownlan.networks(Lease(address, "10.0.0.1", ("10.9.9.9", "1.1.1.1"), None)) == kept


def test_refused_names_cannot_act_on_a_terminal(tmp_path: Path) -> None:
    system = System(tmp_path)
    system.write(NODES, json.dumps({"refused": [
        {"address": f"10.1.{n}.1", "reason": "\x1b[2J\x9b0m\u202e"} for n in range(9)]}))
    check = hostile._names(system)
    assert check is not None
    assert check.text.isprintable()
    assert check.text.startswith("The names of 9 nodes are not believed: 10.1.0.1")
    assert check.text.count("10.1.") == 3


@pytest.mark.parametrize("text", ["", "[]", "{", '{"refused": 1}', '{"refused": [1]}', '{"refused": []}'])
def test_a_file_of_another_shape_says_nothing(text: str, tmp_path: Path) -> None:
    system = System(tmp_path)
    system.write(NODES, text)
    assert hostile._names(system) is None
