"""What people wrote with each service is there again after the power was cut, and its passphrase found on a stick."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.net.test_each_service import VOICES
from tests.vm.harness import VM, Drive
from tests.vm.test_keep import ANSWERS, FIRST, SETUP, boot, key_stick, said, secrets
from tests.vm.test_keep import stick as stick  # the fixture

HERE = Path(__file__).parent
SERVICES = ("board", "files", "pad", "mumble")
CHOSEN = ANSWERS.replace("[wiki]", f"[{', '.join(SERVICES)}]")
KEEPS = CHOSEN.replace("opens_on", "passphrase_file: /run/first, opens_on")

pytestmark = pytest.mark.timeout(2400)


def people(vm: VM, do: str) -> Any:
    """What each of them sees: people.py."""
    vm.put("/run/people.py", (HERE / "people.py").read_text())
    vm.put("/run/writer.py", (HERE.parent / "net/writer.py").read_text())
    vm.put("/run/voices.py", VOICES)
    node = json.loads(said(vm, "cat /run/byzantium/node.json"))
    words = f"{do} {node['addresses'][0]} {node['id']}.byzantium.mesh"
    return json.loads(said(vm, f"python3 -B /run/people.py {words} 2>&1").splitlines()[-1])


def test_what_people_wrote_outlasts_a_power_cut(folder: Path, stick: Path) -> None:
    with boot(folder / "first", stick, memory=1536) as vm:
        vm.start().booted()
        secrets(vm)
        vm.put("/run/answers.yaml", KEEPS)
        said(vm, "byzwizard apply /run/answers.yaml --yes")
        assert people(vm, "write") == dict.fromkeys(SERVICES, True)
        said(vm, "sync")
    opens = Drive(key_stick(folder, FIRST), "usb", "KEY1")
    with boot(folder / "second", stick, opens, memory=1536) as vm:
        vm.start()
        vm.wait("systemctl is-active byz-node", SETUP, "the kept answers to be applied")
        assert people(vm, "read") == dict.fromkeys(SERVICES, True)
