"""What of a node can be reached, on the image's own systemd: every port of TCP, from a phone and from a neighbour."""

import json
from collections.abc import Iterator

import pytest

from tests.net.booted import NEEDS, Lab, Node, pair
from tests.net.spaces import within

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(900),
]
# A firewall that drops answers nothing, so that each part waits as long; who refuses has been reached too.
SCAN = """
import json, resource, select, socket, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (20000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
found = []
for first in range(1, 65536, 16384):
    asked, waiting = select.poll(), {}
    for port in range(first, min(first + 16384, 65536)):
        link = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
        link.setblocking(False)
        link.connect_ex((sys.argv[1], port))
        waiting[link.fileno()] = port, link
        asked.register(link, select.POLLOUT)
    end = time.monotonic() + 2
    while waiting and (left := end - time.monotonic()) > 0:
        for number, _event in asked.poll(left * 1000):
            asked.unregister(number)
            port, link = waiting.pop(number)
            link.close()
            found.append(port)
    for _port, link in waiting.values():
        link.close()
print(json.dumps(sorted(found)))
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with pair(tmp_path_factory.mktemp("booted")) as found:
        yield found


def reached(lab: Lab, who: str, target: str) -> set[int]:
    return set(json.loads(lab.made.python(who, SCAN, target)))


def ula(node: Node) -> str:
    addresses: list[str] = json.loads(node.do("cat", "/run/byzantium/node.json"))["addresses"]
    return addresses[1]


def test_nothing_is_reached_but_what_is_on(lab: Lab) -> None:
    a, b = lab.nodes
    assert within(60, lambda: b.run("ping", "-c", "1", "-W", "1", a.address).returncode == 0)
    assert within(30, lambda: b.run("ping", "-c", "1", "-W", "1", ula(a)).returncode == 0)
    before = {"phone": {53, 80}, "neighbour": {80}, "neighbour by IPv6": {80}}

    def scanned() -> dict[str, set[int]]:
        return {"phone": reached(lab, a.phone, a.address), "neighbour": reached(lab, b.space, a.address),
                "neighbour by IPv6": reached(lab, b.space, ula(a))}

    assert scanned() == before
    a.do("byzwizard", "enable", "wiki", "chat")
    offered = {443, 6697, 8105}  # nginx, IRC over TLS, and the chat servers among each other
    assert scanned() == {who: ports | offered for who, ports in before.items()}
    a.do("byzwizard", "disable", "wiki", "chat")
    assert scanned() == before


def test_names_of_the_mesh_stand_in_its_file(lab: Lab) -> None:
    a, b = lab.nodes

    def lines() -> list[list[str]]:
        return [line.split() for line in b.do("cat", "/etc/hosts.mesh").splitlines()]

    assert within(60, lambda: [a.address, "node-a.byzantium.mesh", f"{a.id}.byzantium.mesh"]
                  in [line[:3] for line in lines()]), lines()
