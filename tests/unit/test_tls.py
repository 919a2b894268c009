"""What nginx is told of the places of services."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from byzwizard import catalogue
from byzwizard.answers import parse
from byzwizard.backends import tls
from byzwizard.identity import Identity
from byzwizard.machine import Machine
from byzwizard.resolve import resolve
from tests.unit.test_catalogue import CABLE, TEA, write


def placed(folder: Path, changes: Mapping[str, Any]) -> dict[str, str]:
    """What nginx is told of each place of a service."""
    write(folder, {**TEA, **changes})
    node = resolve(parse("byzantium: 1\nmesh: {interfaces: [eth0]}\nservices: [tea]\n"),
                   Machine(memory_bytes=1 << 30, wired=(CABLE,)), Identity(b"t" * 32))
    text = tls.configuration(node, "host", catalogue.here().services.values()).partition("location / {")[2]
    return dict(re.findall(r"location (\S.*?) {\n(.*?)\n        }\n", text, re.DOTALL))


@pytest.mark.parametrize(("data", "streams"), [(True, False), (True, True), (False, False)])
def test_who_keeps_what_is_sent_takes_nothing_where_the_disk_is_full_and_who_streams_sees_to_it_itself(
    descriptors: Path, data: bool, streams: bool
) -> None:
    said = placed(descriptors, {"web": {"port": 8201, "also": ["/milk/"], "streams": streams},
                                "data": TEA["data"] if data else []})
    for place in said["/tea/"], said["/milk/"]:
        assert ("if (-f /run/byzantium/names/full/tea)" in place) == ("return 507 " in place) == (data and not streams)
        assert ("limit_conn sent 16;" in place) == (not streams)
        assert ("limit_conn held_per_address 8;" in place) == (not streams)
        assert "limit_conn per_address 32;" in place or streams, "those of the server do not hold beside others"


def test_what_comes_from_anybody_runs_in_nobodys_browser_but_for_the_page_of_the_service(descriptors: Path) -> None:
    said = placed(descriptors, {"web": {"port": 8201, "foreign": True}})
    assert set(said) == {"/tea/", "= /tea/"}
    assert 'add_header Content-Security-Policy "sandbox" always;' in said["/tea/"]
    assert 'add_header X-Content-Type-Options "nosniff" always;' in said["/tea/"]
    assert "add_header" not in said["= /tea/"], "those of the server hold"
    assert all("proxy_pass http://127.0.0.1:8201/;" in place for place in said.values())


def number(text: str, path: str) -> int:
    found = re.search(rf"{text}(\d+)", Path(path).read_text())
    assert found
    return int(found[1])


def test_one_address_holds_half_of_the_threads_of_a_service_at_most_and_a_browser_is_never_refused() -> None:
    streams = number("http2_max_concurrent_streams ", "assets/templates/services.nginx")
    held = number("limit_conn held_per_address ", "backends/tls.py")
    threads = number('"num_threads": ', "assets/services/board/server.json")
    assert streams <= held <= min(threads, number("TasksMax=", "assets/units/byz-wiki.service")) / 2


def test_whatever_addresses_it_has_one_device_leaves_room_for_others() -> None:
    """One that joined here, by its connections; one elsewhere, by the network of its node."""
    device = number("ether saddr ct count over ", "assets/templates/filter.nft")
    assert device == number("limit_conn per_address ", "assets/templates/services.nginx"), "as one address may have"
    assert device <= number("worker_connections ", "assets/templates/services.nginx") / 8
    assert number("limit_conn sent_per_network ", "backends/tls.py") < number("limit_conn sent ", "backends/tls.py")


def test_where_memory_ends_one_worker_of_nginx_does_and_no_service_with_it() -> None:
    lines = Path("assets/units/byz-tls.service").read_text().splitlines()
    assert {"LimitDATA=96M", "OOMPolicy=continue"} <= set(lines)
    sent = re.search(r"limit_conn sent (\d+);", "\n".join(tls._bounds(catalogue.here().services["board"], str)))
    assert sent
    most = max(one.web.body_bytes for one in catalogue.here().services.values() if one.web and not one.web.streams)
    limit = next(int(line.partition("=")[2].removesuffix("M")) for line in lines if line.startswith("MemoryMax="))
    assert 96 + int(sent[1]) * (most >> 20) < limit, "as much as may be on its way fits"
