"""The Internet of a cable shared with the mesh: with the real udhcpc, nftables, babeld and dnsmasq."""

import os
import shutil
import time

import pytest

from tests.net.lab import ABROAD, KNOWN, PRINTER, Lab, node, provide
from tests.net.spaces import within

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(not all(shutil.which(name) for name in ("nft", "busybox", "dnsmasq", "babeld")),
                       reason="tools are missing"),
    pytest.mark.timeout(240),
]


def test_shared_while_it_answers(lab: Lab) -> None:
    provide(lab)
    lab.begin("auto")
    lab.route(lab.here, node("h", "10.1.1.0/24"))
    lab.route(lab.there, node("t", "10.2.2.0/24"))
    assert within(20, lambda: bool(lab.port().get("shared"))), lab.port()
    assert lab.port()["router"] == "192.168.7.1"
    assert lab.reaches(lab.phone, ABROAD)
    assert within(30, lambda: lab.leads_out(lab.there))
    assert within(10, lambda: lab.reaches(lab.far, ABROAD)), "the other node's phone goes out by the mesh"
    for who in (lab.phone, lab.far):
        assert not lab.reaches(who, PRINTER), "the owner's own network is nobody's business"
        assert not lab.reaches(who, "192.168.7.1")
    assert not lab.reaches(lab.provider, "10.1.1.50")
    lab.made.ip(lab.provider, "route add 10.0.0.0/8 via " + lab.port()["address"].partition("/")[0])
    assert not lab.reaches(lab.provider, "10.1.1.50"), "nobody comes in"
    assert not lab.reaches(lab.provider, "10.1.1.1")

    # Two of three answer: it stays. One of three: it is withdrawn, everywhere.
    lab.made.ip(lab.provider, f"addr del {KNOWN[0]}/32 dev lo")
    time.sleep(12)
    assert lab.port()["shared"]
    lab.made.ip(lab.provider, f"addr del {KNOWN[1]}/32 dev lo")
    began = time.monotonic()
    assert within(15, lambda: not lab.port()["shared"])
    assert within(15 - (time.monotonic() - began), lambda: not lab.leads_out(lab.there))
    print(f"withdrawn after {time.monotonic() - began:.1f} s")
    assert not lab.reaches(lab.phone, ABROAD)
    assert lab.port()["state"] == "uplink", "what answered once is never served"

    lab.made.ip(lab.provider, f"addr add {KNOWN[1]}/32 dev lo")
    assert within(15, lambda: bool(lab.port()["shared"]))
    assert within(20, lambda: lab.leads_out(lab.there))
    lab.end()
    assert within(15, lambda: not lab.leads_out(lab.there))
    addresses = lab.made.run(lab.here, "ip", "-4", "addr", "show", "dev", "eth0").stdout
    assert "192.168.7" not in addresses


@pytest.mark.parametrize("share", ["ask", "never"])
def test_nothing_is_shared_unasked(lab: Lab, share: str) -> None:
    provide(lab)
    lab.begin(share)
    assert within(20, lambda: bool(lab.port().get("working"))), lab.port()
    assert (lab.port()["state"], lab.port()["shared"]) == ("uplink", False)
    time.sleep(3)
    assert lab.made.run(lab.here, "ip", "route", "show", "proto", "150").stdout == ""
    assert not lab.reaches(lab.phone, ABROAD)
    assert not lab.reaches(lab.phone, PRINTER)
    assert lab.reaches(lab.here, ABROAD), "the owner's own computer has it"


def test_a_port_that_is_named(lab: Lab) -> None:
    provide(lab)
    lab.begin(("eth0",))
    assert within(20, lambda: bool(lab.port().get("shared"))), lab.port()
    assert lab.reaches(lab.phone, ABROAD)
