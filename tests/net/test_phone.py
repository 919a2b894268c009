"""Telephones that call each other by name, on the image's own systemd: from phones of two nodes, two hops apart."""

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.net.booted import NEEDS, Lab, Node
from tests.net.each import all_off_again, enable, three_nodes
from tests.net.spaces import within
from tests.net.test_services import SEEN, authority, dig, hears, host, tells

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(900),
]
PHONE = str(Path(__file__).parent / "sip_phone.py")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with three_nodes(tmp_path_factory.mktemp("phone")) as found:
        yield found


@pytest.fixture
def a(lab: Lab) -> Iterator[Node]:
    with all_off_again(lab.nodes[0]) as node:
        yield node


@pytest.fixture
def c(lab: Lab) -> Iterator[Node]:
    with all_off_again(lab.nodes[2]) as node:
        yield node


def words(node: Node, user: str, act: str, **more: Any) -> str:
    return json.dumps({"address": node.address, "host": host(node), "authority": authority(node), "user": user,
                       "act": act, **more})


def dial(phone: Node, node: Node, user: str, act: str, **more: Any) -> Any:
    """What a phone of one node hears from the telephones of another."""
    done = phone.made.run(phone.phone, sys.executable, PHONE, words(node, user, act, **more))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def waits_for_a_call(node: Node, user: str, **more: Any) -> subprocess.Popen[str]:
    found = node.made.start(node.phone, sys.executable, PHONE, words(node, user, "answer", **more))
    assert found.stdout
    assert found.stdout.readline() == "ready\n"
    return found


def ula(node: Node) -> str:
    return node.do("sh", "-c", "ip -6 -o address show dev clients0 | grep -o 'fd[0-9a-f:]*' | head -n 1").strip()


def heard(phone: subprocess.Popen[str]) -> Any:
    return json.loads(phone.communicate(timeout=30)[0])


def test_phones_are_known_by_a_name_that_is_theirs_alone(lab: Lab, a: Node) -> None:
    c = lab.nodes[2]
    enable(a, "phone")
    for transport in ("UDP", "TCP", "TLS"):
        assert dial(a, a, "ann", "options", transport=transport) == 200
        assert dial(a, a, "ann", "register", transport=transport) == 200
    assert dial(a, a, "six", "register", address=ula(a)) == 200
    assert dial(a, a, "six", "register", address=ula(a)) == 200, "by IPv6, too, a name is kept by who has it"
    assert dial(c, a, "ann", "register") == 403, "somebody else has it"
    assert dial(c, a, "cleo", "register") == 200
    assert dial(a, a, "ann", "call", to=f"sip:nobody@{host(a)}") == [404]
    # Neither into this computer nor to where the mesh is not.
    own = (f"sip:x@{a.address}:80;transport=tcp", f"sip:x@{host(a)}:443;transport=tcp", "sip:x@10.255.255.1:80",
           f"sip:x@[{ula(a)}]:80;transport=tcp", "sip:x@here.byzantium.mesh:80", "sip:x@127.0.0.1:8101;transport=tcp")
    for elsewhere in (*own, "sip:x@198.51.100.1", "sip:x@example.org"):
        assert dial(a, a, "ann", "call", to=elsewhere) in ([403], [404]), elsewhere
    status, _headers, page = a.pages("/phone/", host(a), authority(a))
    assert (status, host(a) in page) == (200, True)

    def seen() -> list[str]:
        return [row["url"] for row in c.services() if row["node"] == "node-a"]

    assert within(SEEN, lambda: seen() == [f"https://{host(a)}/phone/"]), seen()
    said = a.do("journalctl", "-b", "-o", "cat", "-u", "byz-phone.service")
    assert "sip:ann" not in said


def test_a_call_goes_by_name_from_node_to_node_and_is_ended_by_either(lab: Lab, a: Node, c: Node) -> None:
    enable(a, "phone")
    enable(c, "phone")
    assert within(60, lambda: a.run("getent", "ahostsv4", host(c)).returncode == 0)
    for more in ({}, {"transport": "TLS"}, {"transport": "TCP"}):
        bob = waits_for_a_call(c, "bob")
        assert dial(a, a, "ann", "call", to=f"sip:bob@{host(c)}", **more) == [200, 200]
        assert heard(bob) == ["ACK", "BYE"]
    for more in ({}, {"transport": "TLS"}):
        bob = waits_for_a_call(c, "bob", ends=True, **more)
        assert dial(a, a, "ann", "call", to="sip:bob@node-c.byzantium.mesh", waits=True, **more) == [200, "BYE"]
        assert heard(bob) == ["ACK", 200]
    bob = waits_for_a_call(a, "bob")
    assert dial(a, a, "ann", "call", to=f"sip:bob@{host(a)}") == [200, 200]
    assert heard(bob) == ["ACK", "BYE"]


def test_programs_for_telephony_find_it_from_two_hops_away(lab: Lab, a: Node) -> None:
    c = lab.nodes[2]
    enable(a, "phone")
    for kind, port in (("_sip._udp", 5060), ("_sip._tcp", 5060), ("_sips._tcp", 5061)):
        name = rf"telephone\032-\032node-a.{kind}.byzantium.mesh."
        assert within(SEEN, partial(tells, c, f"{kind}.byzantium.mesh", [name])), kind
        assert dig(c, name, "SRV") == [f"0 0 {port} {host(a)}."]
        assert dig(c, name, "TXT") == ['""']
    assert dig(c, host(a), "A") == [a.address]
    assert within(SEEN, partial(hears, c, b"Telephone - node-a", there=True, kind="_sip._udp.local"))
    a.do("byzwizard", "disable", "phone")
    assert within(SEEN, partial(tells, c, "_sip._udp.byzantium.mesh", []))


FLOOD = """
import socket, sys
link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
link.settimeout(0.2)
link.connect((sys.argv[1], 5060))
own, port = link.getsockname()
answers = 0
me = f"sip:{sys.argv[2]}"
for number in range(int(sys.argv[3])):
    link.send((f"OPTIONS {me} SIP/2.0\\r\\nVia: SIP/2.0/UDP {own}:{port};rport;branch=z9hG4bK{number}\\r\\n"
               f"Max-Forwards: 70\\r\\nFrom: <{me}>;tag=x\\r\\nTo: <{me}>\\r\\nCall-ID: {number}\\r\\n"
               f"CSeq: 1 OPTIONS\\r\\nContent-Length: 0\\r\\n\\r\\n").encode())
try:
    while link.recv(4096):
        answers += 1
except TimeoutError:
    print(answers)
"""


def test_who_floods_it_gets_no_answers_and_the_others_do(lab: Lab, a: Node) -> None:
    c = lab.nodes[2]
    enable(a, "phone")

    def answers(questions: int) -> int:
        return int(a.made.python(a.phone, FLOOD, a.address, host(a), str(questions)))

    assert 0 < answers(2000) < 200
    assert dial(c, a, "cleo", "options") == 200
    assert within(30, lambda: answers(1) == 1), "it is forgiven"
