"""What a node signs of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from byzwizard.backends import web
from byzwizard.backends.system import System

MAC, ADDRESS = "02:00:00:00:03:00", "fe80::ff:fe00:300"


@pytest.mark.parametrize(
    ("mac", "there", "told"),
    [
        (MAC, "fe8000000000000000000000000000aa 07 40 20 80 mesh0\n", ["fe80::aa"]),
        (MAC, "", [ADDRESS]),  # a station that waits for its hub
        (MAC, "fd4cb12a5113811b0000000000000001 07 40 00 80 mesh0\n", [ADDRESS]),
        ("00:00:00:00:00:00", "", []),
        ("", "", []),  # a tunnel
    ],
)
def test_the_name_of_a_link_is_known_before_a_hub_lets_it_in(
    tmp_path: Path, mac: str, there: str, told: list[str]
) -> None:
    system = System(tmp_path)
    for path, text in (("/sys/class/net/mesh0/address", mac + "\n"), ("/proc/net/if_inet6", there)):
        system.path(path).parent.mkdir(parents=True, exist_ok=True)
        system.path(path).write_text(text)
    assert web.link_local(system, "mesh0") == told
