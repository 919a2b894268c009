"""A cable that meshes is pulled out and plugged in again, as a USB adapter that resets: nothing is done by hand."""

from collections.abc import Iterator

import pytest

from tests.net.booted import NEEDS, Lab, pair
from tests.net.spaces import within

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with pair(tmp_path_factory.mktemp("plugged")) as found:
        yield found


def test_what_was_pulled_out_is_taken_again(lab: Lab) -> None:
    a, b = lab.nodes

    def reached() -> bool:
        return a.run("ping", "-c", "1", "-W", "2", b.address).returncode == 0

    assert within(60, reached)
    before = a.do("sysctl", "-n", "net.ipv6.conf.eth0.accept_ra")
    lab.made.ip(a.space, "link del eth0")
    assert within(30, lambda: "eth0 is gone" in a.run("byzwizard", "status").stdout)
    lab.made.cable(a.space, "eth0", b.space, "eth0")
    lab.made.ip(a.space, "link set eth0 down")
    lab.made.ip(b.space, "link set eth0 down")
    assert within(180, reached), a.do("journalctl", "-b", "-o", "cat", "-u", "byz-plugged", "-u", "byz-gateway")
    assert a.do("sysctl", "-n", "net.ipv6.conf.eth0.accept_ra") == before
    assert within(60, lambda: a.run("byzwizard", "status").returncode == 0), a.run("byzwizard", "status").stdout
    assert "Nothing to do" in a.do("byzwizard", "apply", "/tmp/answers.yaml", "--yes")
