"""Every service at once, on a computer with 2 GB: each answers a phone over the access point, and memory is left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from byzwizard import catalogue
from tests.vm.harness import VM, hear
from tests.vm.phone import INSIDE, join

SETUP = 1500  # seconds for what all services do at once, where everything is emulated
LEFT = 200 << 20  # bytes: what a computer that has no swap needs to stay quick
PAGE = """
import socket, ssl, sys, urllib.request
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
for what in sys.argv[1:]:
    try:
        if what.startswith("http"):
            said = urllib.request.urlopen(what, timeout=60, context=context).status
        else:
            host, port = what.rsplit(":", 1)
            socket.create_connection((host, int(port)), 60).close()
            said = "open"
    except OSError as fault:
        said = fault
    print(what, said)
"""


@pytest.fixture(scope="module")
def vm(folder: Path) -> Iterator[VM]:
    with VM(folder, radios=2, memory=2048, serial=None) as vm:
        vm.start()
        vm.booted()
        vm.run("systemctl stop 'byz-wizard@*'")
        hear(vm, phy0=0b1, phy1=0b1)
        vm.run("ip netns add phone && iw phy phy1 set netns name phone")
        vm.put("/run/full.yaml", "byzantium: 1\nnode:\n  name: full\n")
        vm.run("byzwizard apply /run/full.yaml", SETUP)
        yield vm


def test_all_of_them_run_and_answer_a_phone(vm: VM) -> None:
    there = catalogue.here().services
    said = vm.run(f"byzwizard enable {' '.join(sorted(there))}", SETUP)
    assert "Done" in said
    rows = {row["name"]: row for row in json.loads(vm.run("byzwizard services --json")) if row["node"] is None}
    assert {name: rows[name]["state"] for name in there} == dict.fromkeys(there, "on")
    given = join(vm, SETUP, radio="wlan1")
    vm.run(f"mkdir -p /etc/netns/phone && echo nameserver {given['dns']} >/etc/netns/phone/resolv.conf")
    asked = {name: [rows[name]["url"]] if rows[name]["url"].startswith("https:") else [] for name in there}
    for name, one in there.items():
        asked[name] += [f"{given['router']}:{port.number}" for port in one.ports
                        if port.protocol == "tcp" and port.reach not in ("node", "outside")]
    vm.put("/run/page.py", PAGE)
    questions = sorted({one for ones in asked.values() for one in ones})
    assert len(questions) >= len(there)
    lines = vm.run(f"{INSIDE}python3 /run/page.py {' '.join(questions)}", SETUP).splitlines()
    assert [line for line in lines if line.rsplit(" ", 1)[1] not in ("200", "open")] == []


def test_memory_is_left_and_nothing_was_ended_for_lack_of_it(vm: VM) -> None:
    left = int(vm.run("awk '/^MemAvailable/ {print $2}' /proc/meminfo")) << 10
    print(f"{left >> 20} MB left")
    assert left > LEFT
    assert "Out of memory" not in vm.run("journalctl -b -k -o cat")
    assert vm.run("systemctl list-units --failed --plain --no-legend 'byz-*' | grep -v wizard || true") == ""
