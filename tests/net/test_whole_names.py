"""Names from every node and every phone: whole nodes in a line a - b - c, of which two have chosen one name."""

import ipaddress
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from byzwizard.backends import dns
from byzwizard.backends.directory import DOMAIN, told_apart
from tests.net.spaces import spaces, within
from tests.net.whole import NEEDS, Lab, Node

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(300),
]


@pytest.fixture
def line(tmp_path: Path) -> Iterator[tuple[Node, Node, Node]]:
    tmp_path.chmod(0o755)
    with spaces() as made:
        lab = Lab(made, tmp_path)
        for letter in "abc":
            lab.spaces[letter] = made.add(letter)
        made.cable(lab.spaces["a"], "eth0", lab.spaces["b"], "eth0")
        made.cable(lab.spaces["b"], "eth1", lab.spaces["c"], "eth0")
        nodes = (lab.begin("a", "eth0", name="pier"), lab.begin("b", "eth0", "eth1", name="dock"),
                 lab.begin("c", "eth0", name="pier"))
        lab.ready(*nodes)
        for node in nodes:
            node.lease()
        yield nodes


def answered(node: Node, question: str, kind: int, wanted: list[str]) -> bool:
    return node.ask(f"{question}.{DOMAIN}" if kind != dns.PTR else question, kind) == wanted


def reverse(address: str) -> str:
    return ipaddress.ip_address(address).reverse_pointer


def test_every_node_is_known_everywhere_and_forgotten_when_it_is_gone(line: tuple[Node, Node, Node]) -> None:
    a, b, c = line
    for asking in line:
        for node, chosen in ((a, "pier"), (b, "dock"), (c, "pier")):
            ula = str(ipaddress.ip_address(node.document()["addresses"][1]))
            label = told_apart(chosen, node.id) if chosen == "pier" else chosen
            for name in (label, node.id):
                assert within(30, partial(answered, asking, name, dns.A, [node.address])), (asking.letter, name)
                assert asking.ask(f"{name}.{DOMAIN}", dns.AAAA) == [ula]
            shown = chosen if asking is node else label
            assert asking.ask(reverse(node.address), dns.PTR) == [f"{shown}.{DOMAIN}"]
            assert asking.ask(reverse(ula), dns.PTR) == [f"{shown}.{DOMAIN}"]
            links = node.document()["link_local"]
            assert len(links) == (2 if node is b else 1)
            for link in links:
                mark = f"{link.replace(':', '-')}.{DOMAIN}"
                assert asking.ask(mark) == [node.address]
                assert set(asking.ask(mark, dns.AAAA)) == {ula, link}
                assert asking.ask(reverse(link), dns.PTR) == [mark]
        own = "pier" if asking is not b else "dock"
        assert asking.ask(f"{own}.{DOMAIN}") == [asking.address]
        assert asking.ask(f"here.{DOMAIN}") == ["10.255.255.1"]
    assert b.ask(f"pier.{DOMAIN}") == [], "neither of the two has it alone"

    c.process.kill()
    gone = time.monotonic()
    assert within(120, partial(answered, a, c.id, dns.A, []))
    print(f"forgotten after {time.monotonic() - gone:.0f} s")
    assert within(5, partial(answered, b, "pier", dns.A, [a.address])), "the name is that of the other alone now"
    assert a.ask(reverse(c.address), dns.PTR) == []
