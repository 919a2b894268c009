"""What a node signs of itself."""

from __future__ import annotations

import re
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


@pytest.mark.parametrize(("wanted", "language"), [
    ("de-AT,de;q=0.9,en;q=0.8", "de"), ("DE-at", "de"), ("Fr", "fr"), ("es_MX, en;q=0.5", "es"),
    ("zh-CN,fr ; q=0.7", "fr"),
    ("de;q=0,fr", "fr"), ("de-AT; q=0.000, en;q=0.1", "en"), ("de;q=0.01", "de"), ("design,fr", "fr"),
    ("zh-CN", ""), ("", ""),
])
def test_the_front_page_is_in_the_first_language_that_is_asked_for_and_there(wanted: str, language: str) -> None:
    """As nginx matches it: letters of either case, by the regular expression of its map, and then by its words."""
    template = Path("assets/templates/nginx.conf").read_text()
    line = re.search(r'"~\*(\^.*)" \$\$first;', template)
    assert line
    said = line[1].replace("$languages", "de|en|es|fr").replace("$$", "$").replace("?<first>", "?P<first>")
    found = re.match(said, wanted, re.IGNORECASE)
    assert (found["first"].lower() if found else "") == language
