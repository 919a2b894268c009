"""The question whether an address is taken, asked by the real arping (RFC 5227)."""

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from byzwizard.backends.addresses import AddressTaken, probe
from byzwizard.backends.system import CommandFailed
from tests.net.spaces import Inside, spaces

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(shutil.which("arping") is None, reason="iputils-arping is not installed"),
]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with spaces() as made:
        node, other = made.add("node"), made.add("other")
        made.cable(node, "port0", other, "eth0")
        made.ip(node, "link add clients0 type bridge forward_delay 0", "link set port0 master clients0",
                "link set clients0 up")
        made.ip(other, "addr add 10.7.7.1/24 dev eth0")
        yield Inside(node, tmp_path_factory.mktemp("root"))


def test_an_address_in_use_is_found(node: Inside) -> None:
    with pytest.raises(AddressTaken) as found:
        probe(node, "10.7.7.1", "10.7.7.0/24")
    assert found.value.prefix == "10.7.7.0/24"
    assert "10.7.7.1" in found.value.message


def test_a_free_address_is_free(node: Inside) -> None:
    probe(node, "10.8.8.1", "10.8.8.0/24")


def test_a_failing_arping_is_no_conflict(node: Inside) -> None:
    subprocess.run(("ip", "-n", node.space, "link", "set", "clients0", "down"), check=True)
    with pytest.raises(CommandFailed):
        probe(node, "10.8.8.1", "10.8.8.0/24")
