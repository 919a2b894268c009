"""DNS-SD from a phone: the services of the mesh as dig finds them, through the node's dnsmasq to the one that knows."""

import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from byzwizard.backends import announced, names
from byzwizard.backends.announced import Place
from byzwizard.backends.directory import Service
from tests.net.spaces import TREE, Spaces, resolved, spaces, within

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(not all(shutil.which(name) for name in ("dnsmasq", "dig")), reason="tools are missing"),
]
NODE = resolved("n", subnet="10.1.1.0/24")
OTHER = "o" * 32
DOMAIN = "byzantium.mesh"


def place(title: str, label: str = "dock", node: str = OTHER, url: str = "https://{}.byzantium.mesh/wiki/",
          announce: tuple[tuple[str, int], ...] = ()) -> Place:
    return Place(label, node, Service("wiki", title, url.format(node), announce=announce))


OWN = [place("Wiki", NODE.name, NODE.node_id)]
OTHERS = [
    place("Wiki", announce=(("_sip._udp", 5060),)), place("Voices", url="mumble://{}.byzantium.mesh"),
    place('quote " comma , # \\032 back', "evil"), place("сойка", "jay"),
    *(place("Board", f"far-{number}", f"{number:032}") for number in range(150)),
]


class Lab:
    def __init__(self, made: Spaces, phone: str) -> None:
        self.made, self.phone = made, phone

    def dig(self, name: str, kind: str) -> list[str]:
        """The answers, as dig prints them."""
        done = self.made.run(self.phone, "dig", "+short", "+time=2", "+tries=1", "@10.1.1.1", name, kind)
        return done.stdout.splitlines() if done.returncode == 0 else []


def command(file: Path) -> list[str]:
    """What the unit starts, on another file."""
    unit = (TREE / "assets/units/byz-announce.service").read_text().replace("\\\n", "")
    line = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    return shlex.split(line.partition("=")[2].replace("/run/byzantium/names/announced", str(file)))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    root = tmp_path_factory.mktemp("root")
    root.chmod(0o755)
    with spaces() as made:
        node, phone = made.add("node"), made.add("phone")
        made.clients(node, "10.1.1.1/24")
        made.cable(node, "port0", phone, "wlan0")
        made.ip(node, "link set port0 master clients0")
        made.ip(phone, "addr add 10.1.1.50/24 dev wlan0")
        (root / "names").mkdir()
        (root / "dnsmasq").mkdir()
        (root / "names/hosts").write_text("")
        (root / "names/probes").write_text("")
        (root / "names/servers").write_text("server=/#/\n")
        (root / "names/announced").write_text(announced.records(OWN, OTHERS))
        (root / "dnsmasq.conf").write_text(names.configuration(NODE).replace("/run/byzantium", str(root)))
        made.start(node, "dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file", "--log-facility=-",
                   "-C", str(root / "dnsmasq.conf"))
        made.start(node, *command(root / "names/announced"))
        found = Lab(made, phone)
        assert within(20, lambda: found.dig(f"_https._tcp.{DOMAIN}", "PTR") != [])
        yield found


def test_a_program_comes_from_the_network_to_a_service(lab: Lab) -> None:
    for domain in (DOMAIN, "0.1.1.10.in-addr.arpa"):
        for browse in ("b", "lb"):
            assert lab.dig(f"{browse}._dns-sd._udp.{domain}", "PTR") == [f"{DOMAIN}."]
    types = lab.dig(f"services._dns-sd._udp.{DOMAIN}", "PTR")
    assert sorted(types) == [f"_https._tcp.{DOMAIN}.", f"_mumble._tcp.{DOMAIN}.", f"_sip._udp.{DOMAIN}."]
    own, = (name for name in lab.dig(f"_https._tcp.{DOMAIN}", "PTR") if NODE.name in name)
    assert own == rf"wiki\032-\032{NODE.name}._https._tcp.{DOMAIN}."
    assert lab.dig(own, "SRV") == [f"0 0 443 {NODE.node_id}.{DOMAIN}."]
    assert lab.dig(own, "TXT") == ['"path=/wiki/"']
    assert lab.dig(f"{NODE.node_id}.{DOMAIN}", "A") == ["10.1.1.1"]


def test_services_of_another_node_lead_there(lab: Lab) -> None:
    voices, = lab.dig(f"_mumble._tcp.{DOMAIN}", "PTR")
    assert voices == rf"voices\032-\032dock._mumble._tcp.{DOMAIN}."
    assert lab.dig(voices, "SRV") == [f"0 0 64738 {OTHER}.{DOMAIN}."]
    assert lab.dig(voices, "TXT") == ['""']
    phones, = lab.dig(f"_sip._udp.{DOMAIN}", "PTR")
    assert phones == rf"wiki\032-\032dock._sip._udp.{DOMAIN}."
    assert lab.dig(phones, "SRV") == [f"0 0 5060 {OTHER}.{DOMAIN}."]
    assert lab.dig(phones, "TXT") == ['""']


def test_many_are_told_in_one_answer_and_whatever_they_are_called(lab: Lab) -> None:
    found = lab.dig(f"_https._tcp.{DOMAIN}", "PTR")
    assert len(found) == len(set(found)) == len(OWN) + len(OTHERS) - 1
    assert rf"quote\032comma\032032\032back\032-\032evil._https._tcp.{DOMAIN}." in found
    assert rf"wiki\032-\032jay._https._tcp.{DOMAIN}." in found


def test_what_nobody_offers_is_told_at_once(lab: Lab) -> None:
    for name in ("_ipp._tcp", "_sips._udp", r"nobody\032-\032dock._https._tcp"):
        done = lab.made.run(lab.phone, "dig", "+time=2", "+tries=1", "@10.1.1.1", f"{name}.{DOMAIN}", "PTR")
        assert "status: NXDOMAIN" in done.stdout, done.stdout
