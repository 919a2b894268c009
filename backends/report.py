"""The support bundle: one text that tells what this computer is and what went wrong, without anything private."""

import json
import platform
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from byzwizard import __version__
from byzwizard.backends.kernellog import read_kernel_log
from byzwizard.backends.links import folders
from byzwizard.backends.scrub import Scrubber
from byzwizard.backends.system import System
from byzwizard.errors import ByzantiumError
from byzwizard.i18n import _
from byzwizard.journal import JOURNAL
from byzwizard.machine import Machine

ANSWERS = "/etc/byzantium/answers.yaml"
STATE = "/run/byzantium"
HOSTS = f"{STATE}/names/hosts"
PACKAGES = ("wpasupplicant", "hostapd", "babeld", "dnsmasq", "nftables", "nginx-light", "iw", "iproute2", "systemd",
            "live-boot", "wireless-regdb", "firmware-atheros", "firmware-iwlwifi", "firmware-misc-nonfree")
LIBRARIES = ("urwid", "pyroute2", "PyRIC", "pydantic", "psutil", "PyYAML")
KERNEL_WORDS = re.compile(r"(?i)wlan|wifi|wireless|ieee80211|cfg80211|mac80211|phy\d|firmware|ath\d|iwl|rt2800|mt76|"
                          r"brcm|b43|rtl8|rtw8|usb \d|error|fail|warn|oom|panic|regulatory|secure boot|live|squashfs")
KERNEL_LINES = 400
# Commands whose answers help; each is left out with a word where it cannot run.
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("systemctl", "list-units", "--all", "--plain", "--no-legend", "--no-pager", "byz-*"),
    ("systemctl", "--failed", "--plain", "--no-legend", "--no-pager"),
    ("ip", "-details", "link", "show"), ("ip", "address", "show"), ("ip", "route", "show"),
    ("ip", "-6", "route", "show"),
    ("iw", "dev"), ("iw", "reg", "get"), ("rfkill",), ("nft", "list", "ruleset"),
    ("lsblk", "--output", "NAME,TYPE,SIZE,FSTYPE,RO,RM,TRAN,MOUNTPOINTS"), ("free", "--mebi"),
    ("journalctl", "--boot", "--no-hostname", "--output", "short-monotonic", "--no-pager", "--lines", "1500",
     "--unit", "byz-*"),
)
SECRET_KEYS = re.compile(r"pass|secret|token|key", re.IGNORECASE)
NAME_KEYS = {"ssid": "ssid", "name": "name"}
COMMON_LABELS = {"byzantium", "byzdata", "ventoy", "vtoyefi", "efi", "esp", "boot", "root", "system", "persistence"}
DEFAULT_NAMES = {"byzantium", "Byzantium", "en", "us"}
SECRET_LINES = re.compile(r"(?m)(?:sae_password|psk|wpa_passphrase|value)\s*[= ]\s*\"?([^\"\n]{8,})\"?\s*$")


def make_report(system: System, machine: Machine) -> str:
    """The whole text, scrubbed. Never fails as a whole: what cannot be had is named."""
    with ThreadPoolExecutor(max_workers=4, thread_name_prefix="report") as pool:
        said = list(pool.map(lambda argv: (argv, _said(system, argv)), COMMANDS))
    sections = [
        (_("Byzantium support report"), f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC\n" + _(
            "Secrets, addresses, names and serial numbers were replaced by marks like <mac-1>. Read it before you pass "
            "it on.")),
        ("versions", "\n".join(_versions(system))),
        ("hardware", json.dumps(machine.model_dump(mode="json"), ensure_ascii=False, indent=1)),
        ("command line", (system.read("/proc/cmdline") or "").strip()),
        *(("$ " + " ".join(argv), text) for argv, text in said),
        (JOURNAL, "\n".join((system.read(JOURNAL) or _("none")).splitlines()[-200:])),
        ("kernel log", _kernel_log(system)),
    ]
    text = "\n".join(f"== {title}\n{body.rstrip()}\n" for title, body in sections)
    return scrubber(system, machine).scrub(text)


def scrubber(system: System, machine: Machine) -> Scrubber:
    """Knows by heart what stands in the answers and configurations of this node, so that it is found anywhere."""
    secrets: set[str] = set()
    names: set[tuple[str, str]] = {(platform.node(), "host"), ((system.read("/etc/hostname") or "").strip(), "host")}
    names |= {(disk.serial, "serial") for disk in machine.disks if disk.serial}
    names |= {(part.label, "label") for disk in machine.disks for part in disk.partitions
              if part.label and part.label.lower() not in COMMON_LABELS}
    for key, value in _answers(system):
        if SECRET_KEYS.search(key):
            secrets.add(value)
        elif key in NAME_KEYS and value not in DEFAULT_NAMES:
            names.add((value, NAME_KEYS[key]))
    for folder in ("mesh", "ap", "wifi", "babel"):
        for file in folders(system, f"{STATE}/{folder}"):
            if file.suffix == ".conf":
                secrets.update(SECRET_LINES.findall(system.read(f"{STATE}/{folder}/{file.name}") or ""))
    for line in (system.read(HOSTS) or "").splitlines():
        names |= {(name.split(".")[0], "name") for name in line.partition("#")[0].split()[1:]
                  if name.split(".")[0] not in {"here", "byzantium", "localhost"}}
    return Scrubber(secrets, names)


def _answers(system: System) -> Iterator[tuple[str, str]]:
    """Every text in the answers with its key; a broken file gives what its lines say."""
    import yaml

    text = system.read(ANSWERS) or ""
    try:
        yield from _leaves("", yaml.load(text, Loader=yaml.BaseLoader))
    except yaml.YAMLError:
        for line in text.splitlines():
            key, _colon, value = line.partition(":")
            yield key.strip(), value.strip().strip("\"'")


def _leaves(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _leaves(str(name), part)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(key, part)
    elif isinstance(value, str) and value and value not in {"null", "auto", "true", "false"}:
        yield key, value


def _said(system: System, argv: tuple[str, ...]) -> str:
    try:
        done = system.run(*argv, ok=range(256), timeout=20)
    except ByzantiumError as fault:
        return _("not to be had: {why}").format(why=fault)
    return done.out if done.status == 0 else f"{done.out}\n({done.status}) {done.err.strip()}"


def _versions(system: System) -> Iterator[str]:
    yield f"byzwizard {__version__}, Python {platform.python_version()}"
    yield f"{platform.system()} {platform.release()} {platform.version()} {platform.machine()}"
    yield from re.findall(r"(?m)^PRETTY_NAME=.*$", system.read("/etc/os-release") or "")
    for library in LIBRARIES:
        try:
            yield f"{library} {metadata.version(library)}"
        except metadata.PackageNotFoundError:
            yield f"{library} -"
    try:
        yield system.run("dpkg-query", "--show", "--showformat", "${Package} ${Version}\n", *PACKAGES,
                         ok=range(256), timeout=20).out.strip()
    except ByzantiumError as fault:
        yield str(fault)


def _kernel_log(system: System) -> str:
    lines = [line for line in read_kernel_log(system) if KERNEL_WORDS.search(line)]
    return "\n".join(lines[-KERNEL_LINES:]) or _("not to be read (only root may)")
