"""From power-on to a meshed node, as a person does it: keys on a console, pages, and a phone that scans the code."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vm.harness import VM

DEFAULTS = "byzantium: 1\n"
SETUP = 600  # seconds until a node stands, where everything is emulated


@pytest.fixture(scope="module")
def vm(folder: Path) -> Iterator[VM]:
    """A new computer with one radio; two neighbours are on the public mesh already."""
    with VM(folder, radios=3, memory=1536) as vm:
        vm.start()
        vm.booted()
        for name, phy in (("anna", "phy1"), ("bert", "phy2")):
            vm.node(name, phy, DEFAULTS)
        for node in vm.nodes.values():
            node.booted()
        yield vm


def status(vm: VM) -> dict[str, object]:
    found: dict[str, object] = json.loads(vm.sh("byzwizard status --json")[1])
    return found


def test_the_wizard_leads_through_every_page_to_a_node(vm: VM) -> None:
    """Welcome, Hardware, Mesh, Review, Apply, Node: on the serial console, by keys."""
    screen = vm.serial
    screen.expect("Just start", timeout=SETUP)
    screen.press("f1")
    screen.expect("Esc close")
    screen.press("esc")
    screen.expect("Esc close", gone=True)
    screen.press("down", "enter")
    screen.expect("Your wireless cards")
    screen.expect("grade A", timeout=SETUP)
    screen.press("enter")
    screen.expect("Which mesh?")
    screen.press("esc")
    screen.expect("Your wireless cards")
    screen.press("enter")
    screen.expect("Which mesh?")
    screen.press("enter")
    screen.expect("What should this node offer?")
    screen.press("enter")
    screen.expect("Keep what people write?")
    screen.press("enter")
    screen.expect("Share an Internet connection?")
    screen.press("enter")
    screen.expect("This is what will happen", timeout=SETUP)
    screen.expect("Start this node", timeout=SETUP)
    screen.press("enter")
    screen.expect("This computer is a node now.", "That did not work", timeout=SETUP)
    screen.expect("Show this node")
    screen.press("enter")
    screen.expect("✓ working", timeout=SETUP)


def test_it_meshes_with_both_neighbours(vm: VM) -> None:
    vm.wait("test $(iw dev mesh0 station dump | grep -c ESTAB) = 2", SETUP, "both neighbours to be peers")
    vm.wait("test $(ip -4 route show proto babel | grep -c '^10[.].*/24') = 2", SETUP, "a route to both")
    for node in vm.nodes.values():
        name = node.run("cat /etc/hostname").strip()
        vm.wait(f"ping -c 1 -W 5 {name}.byzantium.mesh", SETUP, f"{name} to answer by its name")
    vm.wait("byzwizard status --json | grep -q signal_dbm.*-", SETUP, "the neighbours in status")
    said = status(vm)
    assert said["working"] is True
    assert said["public"] is True
    vm.serial.expect("dBm", timeout=SETUP)


def test_a_phone_can_scan_the_code_on_the_real_console(vm: VM, folder: Path) -> None:
    vm.expect_tty1("Point a camera here", timeout=SETUP)
    picture = vm.screenshot(folder / "node.png")
    decoded = subprocess.run(["zbarimg", "--quiet", "--raw", str(picture)], capture_output=True, text=True, check=False)
    assert decoded.stdout.startswith("WIFI:"), f"zbarimg reads no code off {picture}"
    assert "S:Byzantium" in decoded.stdout


def test_a_second_apply_changes_nothing_and_says_so(vm: VM) -> None:
    answers = "/etc/byzantium/answers.yaml"
    processes = "systemctl show -p MainPID byz-mesh@mesh0 byz-ap@ap0 byz-babel byz-dnsmasq byz-web byz-tend"
    before = vm.run(processes)
    assert "Nothing to do" in vm.run(f"byzwizard apply {answers}")
    events = [json.loads(line) for line in vm.run(f"byzwizard --json apply {answers}").splitlines()]
    assert {event["changed"] for event in events if event["event"] == "finish"} == {False}
    assert events[-1]["event"] == "end"
    assert events[-1]["status"] == 0
    plan = json.loads(vm.run(f"byzwizard plan {answers} --json"))
    assert [step["id"] for stage in plan["stages"] for step in stage["steps"] if step["needed"]] == []
    assert vm.run(processes) == before


def test_undo_takes_all_of_it_back(vm: VM) -> None:
    assert "Undone" in vm.run("byzwizard undo --yes", timeout=SETUP)
    links = vm.run("ls /sys/class/net").split()
    assert "wlan0" in links
    assert {"mesh0", "ap0", "clients0", "here0", "keep0"} & set(links) == set()
    assert vm.run("nft list tables | grep -c byz- || true").strip() == "0"
    running = vm.run("systemctl list-units --plain --no-legend 'byz-*' --state=running").splitlines()
    assert [line for line in running if "byz-wizard" not in line] == []
    assert vm.sh("test -e /etc/byzantium/answers.yaml")[0] == 1


def test_the_whole_wizard_in_line_mode(vm: VM) -> None:
    """The same pages as numbered questions, for screen readers and dumb terminals, on the serial console."""
    screen = vm.serial
    vm.run("systemctl restart byz-wizard@ttyS0")
    screen.expect("Just start", timeout=SETUP)
    screen.press("f5")
    screen.expect("== Welcome ==", timeout=SETUP)
    screen.expect("for help:")
    screen.press("2", "enter")
    screen.expect("== Hardware")
    screen.expect("3. Continue", timeout=SETUP)
    screen.press("enter")
    screen.expect("== Mesh")
    screen.expect("10. Continue")
    screen.press("enter")
    screen.expect("== Services")
    screen.expect("for help:")
    screen.press("enter")
    screen.expect("== Keep")
    screen.expect("5. Continue")
    screen.press("enter")
    screen.expect("== Internet", timeout=SETUP)
    screen.expect("Internet over Wi-Fi: show")
    screen.expect("for help:")
    screen.press("enter")
    screen.expect("2. Start this node", timeout=SETUP)
    screen.press("enter")
    screen.expect("This computer is a node now.", "That did not work", timeout=SETUP)
    screen.expect("1. Show this node")
    screen.press("enter")
    screen.expect("== Node", "== byz-", timeout=SETUP)
    assert status(vm)["working"] is True
