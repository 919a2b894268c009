"""A node that copies itself goes on serving, and a copy with answers joins the mesh of its source by itself."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vm.harness import VM, Drive, blank, hear
from tests.vm.phone import INSIDE, join

SETUP = 600
STICK = 1_250_000_000  # bytes; twice the system must have room
SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH6Q0kUVPVxWAg9FSjKgUNQoFLdCTIHXfYTk1ll5S9nV somebody"
ANSWERS = "byzantium: 1\nnode: {{name: {}}}\nmesh: {{name: relief-north, passphrase: canary wren ember quill}}\n"
# Ten packets a second, in rounds that wait for every answer, until the file goes; a line for each round.
PINGS = "while [ -e /run/copying ]; do ping -c 20 -i 0.1 -W 10 -q {} | grep transmitted; done >{}"
# The threads of the copy that stand behind everything else for the processor, and their class of I/O.
CLASSES = """while [ -e /run/copying ]; do
  ps -eLo cls,tid,args | awk '$1 == "IDL" && /[w]izard clone/ {print $2}' | xargs -r -n 1 ionice -p; sleep 0.5
done >/run/classes 2>/dev/null"""
ROUND = re.compile(r"20 packets transmitted, 20 received,.* 0% packet loss")


@pytest.fixture(scope="module")
def stick(folder: Path) -> Drive:
    """As fast as sticks are."""
    return Drive(blank(folder / "stick.img", STICK), "usb", "STICK", limit=20_000_000, read_limit=40_000_000)


@pytest.fixture(scope="module")
def source(folder: Path, stick: Drive) -> Iterator[VM]:
    """Anna hears the source, the phone hears the source, and the copy will hear the source alone."""
    with VM(folder, radios=4, memory=1792, serial=None, drives=[stick]) as vm:
        vm.start()
        vm.booted()
        vm.run("systemctl stop 'byz-wizard@*'")
        hear(vm, phy0=0b111, phy1=0b001, phy2=0b010, phy3=0b100)
        vm.node("anna", "phy1", ANSWERS.format("anna"))
        vm.node("copy", "phy2")
        vm.run("ip netns add phone && iw phy phy3 set netns name phone")
        vm.put("/run/source.yaml", ANSWERS.format("source") + f"remote: {{ssh_keys: ['{SSH}']}}\n", 0o600)
        vm.run("byzwizard apply /run/source.yaml", SETUP)
        vm.nodes["anna"].booted()
        yield vm


def own_address(vm: VM) -> str:
    return vm.run("ip -4 -o address show clients0").split()[3].split("/")[0]


def phone(vm: VM) -> str:
    """A phone on the access point of the source; what comes before a command of its."""
    join(vm, SETUP)
    vm.wait(INSIDE + f"ping -c 1 -W 5 {own_address(vm)}", SETUP, "the source to answer the phone")
    return INSIDE


def test_a_copy_costs_no_packet_and_no_client(source: VM) -> None:
    here, anna, inside = own_address(source), source.nodes["anna"], phone(source)
    anna.wait(f"ping -c 1 -W 5 {here}", SETUP, "the source to answer anna")
    source.run("touch /run/copying")
    nsenter = f"nsenter -t {anna.leader} -n "
    for who, where in ((nsenter, "/run/anna.pings"), (inside, "/run/phone.pings")):
        command = PINGS.format(here, where).replace("ping ", f"{who}ping ", 1)
        source.run(f"({command}) </dev/null >/dev/null 2>&1 &")
    source.run(f"({CLASSES}) </dev/null >/dev/null 2>&1 &")
    joined = source.run("iw event >/run/events 2>&1 & echo $!").strip()
    told = source.run("byzwizard clone --yes --json --with-answers STICK", 600)
    source.run(f"rm /run/copying; kill {joined}")
    assert json.loads(told.splitlines()[-1])["status"] == 0
    source.wait("! pgrep -x ping", 60, "the last packets to come back")
    assert set(source.run("cat /run/classes").splitlines()) == {"idle"}
    for where in ("/run/anna.pings", "/run/phone.pings"):
        rounds = source.run(f"cat {where}").splitlines()
        assert len(rounds) > 5, "it was not asked all the time"
        assert [line for line in rounds if not ROUND.search(line)] == []
    assert not re.search("del station|deauth|disconnected", source.run("cat /run/events"))


def test_a_copy_with_answers_meshes_with_its_source(source: VM, stick: Drive, folder: Path) -> None:
    """What stands on the stick, given to another computer: one whose radio hears nobody but the source."""
    carried = folder / "carried.yaml"
    source.run("byzwizard clone --yes --with-answers STICK && sync", 600)
    subprocess.run(["mcopy", "-n", "-i", f"{stick.path}@@1M", "::/byzantium/answers.yaml", str(carried)], check=True)
    text = carried.read_text()
    assert "relief-north" in text
    for secret in ("somebody", "AAAAC3", "name: source", "persistence:\n  passphrase"):
        assert secret not in text
    copy = source.nodes["copy"].booted()
    copy.put("/run/answers.yaml", text, 0o600)
    copy.run("byzwizard apply /run/answers.yaml", SETUP)
    copy.wait(f"ping -c 1 -W 5 {own_address(source)}", SETUP, "the source to answer its copy")
    source.wait("ping -c 1 -W 5 " + copy.run("ip -4 -o address show clients0").split()[3].split("/")[0], SETUP)
    key = "sha256sum </var/lib/byzantium/identity/key"
    assert copy.run(key) != source.run(key)
    assert copy.run("hostname") != source.run("hostname")
    assert "somebody" not in copy.run("cat /root/.ssh/authorized_keys /run/byzantium/ssh/* 2>/dev/null || true")
