"""The report tells nothing that must not leave the house."""

from pathlib import Path
from typing import Any

import pytest

from byzwizard.backends import report
from byzwizard.backends.scrub import Scrubber
from byzwizard.backends.system import Result, System
from byzwizard.machine import Disk, Machine, Partition

CANARY = "canary wren plinth ember"


@pytest.mark.parametrize(("text", "gone"), [
    ("passphrase: hidden words here", "hidden"), ('sae_password="hidden \\" words"', "words"),
    ("psk=hiddenhidden", "hidden"), ('{"passphrase": "hidden, words", "x": 1}', "words"),
    ("wpa_passphrase=it's hidden, yes", "yes"), ("key id byz type hmac-sha256 value 00112233hidden", "hidden"),
    ("byzantium.answers=hidden", "hidden"), ("Password = hidden", "hidden"), ("access_token: hidden", "hidden"),
    ("link/ether 00:c0:ca:4a:5b:6c brd", "4a:5b"), ("00-C0-CA-4A-5B-6C", "4A-5B"), ("wlx00c0ca4a5b6c: up", "ca4a5b"),
    ("inet 10.77.3.1/24", "10.77"), ("from 192.168.1.7:53", "192.168"), ("inet6 fe80::2c0:caff:fe4a:5b6c/64", "caff"),
    ("fd12:3456:789a:1::1", "789a"), ("::ffff:10.1.2.3", "10.1.2"), ("[fd12::7]:80", "fd12"),
    ("ssid=My Home", "My Home"), ("SSID: My Home", "My Home"), ("Trying SSID 'My Home' now", "My Home"),
    ("mesh id: group-seven", "group-seven"), ("joined group-seven~prv", "group-seven"),
    ("SerialNumber: 4C530001230409", "4C53"), ('"serial": "4C530001230409"', "4C53"),
    ("hostname: annas-laptop", "annas"),
    ("UUID=0a1b2c3d-1111-2222-3333-444455556666", "0a1b2c3d"), ("machine 0123456789abcdef0123456789abcdef", "89abcdef"),
    ("abcdefghijklmnopqrstuvwxyz234567.byzantium.mesh", "abcdefgh"), ("lighthouse.byzantium.mesh", "lighthouse"),
    ("byz-a1b2c3 up", "a1b2c3"), ("key AAAAC3NzaC1lZDI1NTE5AAAAIJqvXyZ0123456789abcdefghijk", "AAAAC3"),
])
def test_what_goes(text: str, gone: str) -> None:
    assert gone not in Scrubber().scrub(text)


@pytest.mark.parametrize("text", [
    "12:34:56 up", "0000:03:00.0: ath9k", "pci 8086:51f0", "usb 1-2: new high-speed", "::1", "127.0.0.1",
    "10.255.255.1", "Linux 6.12.117+deb13-amd64", "babeld 1.13.1-1", "byz-mesh@mesh0.service loaded active",
    "here.byzantium.mesh",
    '"grade": "A", "link": "802.11s"', '"serial": null', "ff:ff:ff:ff:ff:ff", "channel 11 (2462 MHz)", "std::vector",
])
def test_what_stays(text: str) -> None:
    assert Scrubber().scrub(text) == text


def test_the_same_thing_has_the_same_mark() -> None:
    scrub = Scrubber()
    first = scrub.scrub("00:c0:ca:4a:5b:6c and 00:c0:ca:00:00:01")
    assert first == "<mac-1> and <mac-2>"
    assert scrub.scrub("00:C0:CA:4A:5B:6C") == "<mac-1>"


def test_known_secrets_go_in_any_dress() -> None:
    scrub = Scrubber([CANARY, 'qu"ote\\d'])
    for text in (f"odd place {CANARY}!", CANARY.encode().hex(), 'json "qu\\"ote\\\\d"', 'plain qu"ote\\d'):
        assert "<secret>" in scrub.scrub(text)


class Talkative(System):
    """Every tool answers with everything that is private."""

    def run(self, *argv: str, **_more: Any) -> Result:
        return Result(0, f"{argv[0]} says {CANARY} to annas-laptop at 10.7.8.9, mesh relief-north, ANNAS-STICK\n", "")


def test_the_whole_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "etc/byzantium/answers.yaml": f"byzantium: 1\nnode: {{name: annas-node}}\nmesh:\n  name: relief-north\n"
                                      f"  passphrase: {CANARY}\naccess_point: {{ssid: Annas Phones}}\n",
        "etc/hostname": "annas-laptop\n", "proc/cmdline": "boot=live byzantium.answers=/x quiet",
        "run/byzantium/mesh/mesh0.conf": 'network={\n ssid="relief-north~prv"\n sae_password="derived secret 77"\n}\n',
        "run/byzantium/names/hosts": "10.9.9.1 petras-node.byzantium.mesh petras-node\n",
        "run/byzantium/journal": '{"text": "petras-node says derived secret 77, Annas Phones"}\n',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(report, "read_kernel_log", lambda _system: [
        "wlan0: authenticate with 00:c0:ca:4a:5b:6c", "usb 1-1: SerialNumber: 4C530001", "nothing of interest"])
    disk = Disk(path="/dev/sdb", bytes=1, vendor="SanDisk", model="Ultra", serial="4C530001", transport="usb",
                removable=True, read_only=False, partitions=(
                    Partition(path="/dev/sdb1", bytes=1, filesystem="vfat", label="ANNAS-STICK", mounted=None),))
    text = report.make_report(Talkative(tmp_path), Machine(disks=(disk,)))
    for private in (CANARY, "annas", "Annas", "ANNAS", "petras", "relief-north", "derived", "10.7.8.9", "4C530001",
                    "c0:ca"):
        assert private not in text, private
    for useful in ("SanDisk", "Ultra", "urwid", "boot=live", "systemctl says", "kernel log", "<mac-1>"):
        assert useful in text
    assert "nothing of interest" not in text


def test_a_broken_answers_file_still_hides_its_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc/byzantium").mkdir(parents=True)
    (tmp_path / "etc/byzantium/answers.yaml").write_text(f"mesh: [\n  passphrase: {CANARY}\n")
    monkeypatch.setattr(report, "read_kernel_log", lambda _system: [f"firmware {CANARY}"])
    assert CANARY not in report.make_report(Talkative(tmp_path), Machine())
