"""Wired ports: what the clients' bridge has heard of them, and who is a stranger there."""

from pathlib import Path
from typing import Any

import pytest

from byzwizard.backends import uplinks
from byzwizard.backends.leases import Lease
from byzwizard.backends.ports import BRIDGE, GONE, LEARNT, Port, heard_ago, serving
from byzwizard.backends.system import System

OWN, ETH1, PHONE = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"


@pytest.fixture
def system(tmp_path: Path) -> System:
    made = System(tmp_path)
    made.write(f"/sys/class/net/{BRIDGE}/address", f"{OWN}\n")
    return made


def learnt(*entries: tuple[str, bool, int]) -> bytes:
    return b"".join(LEARNT.pack(bytes.fromhex(mac.replace(":", "")), local, age) for mac, local, age in entries)


def test_the_bridge_has_heard_a_port_of_its_own_node(system: System) -> None:
    assert LEARNT.size == 16, "struct __fdb_entry"
    assert heard_ago(system, ETH1) is None, "there is no bridge yet"
    system.write(f"/sys/class/net/{BRIDGE}/brforward", learnt((OWN, True, 0), (PHONE, False, 7), (ETH1, False, 250)))
    assert heard_ago(system, ETH1) == 2.5
    assert heard_ago(system, OWN) is None, "that is of a port itself"
    assert heard_ago(system, None) is None


def test_who_serves_is_told_by_the_bridge(system: System) -> None:
    assert serving(system) == frozenset()
    system.write(f"/sys/class/net/{BRIDGE}/brif/eth0/port_no", "0x1\n")
    assert serving(system) == {"eth0"}


@pytest.mark.parametrize(("told", "stranger"), [
    (f"{PHONE} (10.1.1.66)", f"{PHONE} (10.1.1.66)"), (f"{OWN} (fe80::1)", None), (None, None),
])
def test_this_node_itself_is_no_stranger(told: str | None, stranger: str | None, system: System) -> None:
    """Its own advertisement that comes back at a port, when two switches were joined later."""
    port = Port("no-port", system, system.path("/run"), "10.1.1.0/24", state="clients")
    port.withdraw(told, 5.0)
    assert (port.state, port.stranger) == ("refused", stranger)


class Silent:
    """A listener at a port where nobody answers any more; it notes whether it was asked on."""

    def __init__(self) -> None:
        self.asked, self.ended, self.there, self.routers = 0, False, None, False

    def ask(self, _now: float) -> None:
        self.asked += 1

    def lease(self) -> Lease | None:
        return self.there

    def router_heard(self) -> bool:
        return self.routers

    def close(self) -> None:
        pass


def test_an_uplink_whose_router_is_gone_is_listened_to_anew(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """A switch between keeps the carrier, and the computers at it wait for addresses."""
    listener: Any = Silent()
    port = Port("no-port", system, system.path("/run"), "10.1.1.0/24", state="uplink", _listener=listener)
    monkeypatch.setattr(port, "_begin", lambda _now: setattr(port, "state", "listening"))
    monkeypatch.setattr(port, "_take", lambda lease: setattr(port, "lease", lease))
    listener.routers = True  # it leads on by IPv6, and gives out no address
    port._renew(1000.0)
    assert (port.state, listener.asked) == ("uplink", 1)
    listener.routers = False
    states = []
    for now in (1000.0 + GONE, 1001.0 + GONE):
        port._renew(now)
        states.append(port.state)
    assert states == ["uplink", "listening"]


def test_status_says_that_a_port_leads_back() -> None:
    port = uplinks.PortState("eth1", "refused", None, None, None, None, False, True, False, False, None, "eth1")
    check = uplinks._stranger(port)
    assert check is not None
    assert check.text == "eth1 leads back to this node: nobody is served there."
